import type { Command } from 'commander'
import type { Io } from './io.js'
import { genCommand } from './verbs/gen.js'
import { inspectCommand } from './verbs/inspect.js'

/** Every verb: the one place to add one. A verb loads what it needs when it runs. */
export const VERBS: readonly ((io: Io) => Command)[] = [genCommand, inspectCommand]
