import type { Rule } from '../types.js'
import { DERIVED_RULES } from './derived.js'

/** The catalogue: every rule, in order of its code. */
export const RULES: readonly Rule[] = [...DERIVED_RULES]
