/** A time as answers show it: epoch seconds with a fraction (P161). */
export function epochSeconds(milliseconds: number): number;
export function epochSeconds(milliseconds: number | null): number | null;
export function epochSeconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1000;
}
