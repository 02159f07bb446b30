/** What `work` comes to, or 'overdue' when that takes longer than `ms`. No timer is left behind. */
export function withinMs<T>(ms: number, work: Promise<T>): Promise<T | 'overdue'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('overdue'), ms);
    const settle = <V>(outcome: (value: V) => void) => {
      return (value: V) => {
        clearTimeout(timer);
        outcome(value);
      };
    };
    work.then(settle(resolve), settle(reject));
  });
}
