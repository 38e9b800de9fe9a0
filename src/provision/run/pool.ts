/**
 * Runs `work` on every item, at most `limit` at a time, in order. One failure does not stop the rest:
 * `work` itself decides what a failure is and when `stop` says that no new item is begun.
 */
export async function eachOf<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
  stop: () => boolean = () => false,
): Promise<void> {
  const queue = items.values()
  const lane = async () => {
    for (const item of queue) {
      if (stop()) return
      await work(item)
    }
  }
  const lanes = Math.max(1, Math.min(limit, items.length))
  await Promise.all(Array.from({ length: lanes }, lane))
}
