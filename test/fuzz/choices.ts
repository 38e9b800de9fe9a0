/** Decisions taken from a list of numbers. Where they run out, all are the first: a shorter list is a simpler input. */
export interface Choices {
  /** From 0 to below `limit`. */
  below(limit: number): number
  /** One of several, or undefined of none. */
  one<T>(items: readonly T[]): T | undefined
}

export function choicesOf(numbers: readonly number[]): Choices {
  let at = 0
  const below = (limit: number): number => (limit < 1 ? 0 : (numbers[at++] ?? 0) % limit)
  return { below, one: (items) => items[below(items.length)] }
}
