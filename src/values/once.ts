/** The same function, except that it works out the answer for each object only once. */
export function once<Of extends object, T>(work: (of: Of) => T): (of: Of) => T {
  const known = new WeakMap<Of, { readonly answer: T }>()
  return (of) => {
    const found = known.get(of) ?? { answer: work(of) }
    known.set(of, found)
    return found.answer
  }
}
