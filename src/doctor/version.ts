/** Whether a dotted version is not older than another; missing parts count as 0, suffixes like `-rc1` are ignored. */
export function isAtLeast(version: string, minimum: string): boolean {
  const parts = (text: string) => (/\d+(\.\d+)*/.exec(text)?.[0] ?? '0').split('.').map(Number);
  const [have, need] = [parts(version), parts(minimum)];
  const different = need.findIndex((part, index) => part !== (have[index] ?? 0));
  return different === -1 || (have[different] ?? 0) > need[different]!;
}
