import type { Rule } from '../types.js'

/** The catalogue: every rule, in order of its code. */
export const RULES: readonly Rule[] = []
