import type { Command } from 'commander'
import type { Io } from './io.js'
import { auditCommand } from './verbs/audit.js'
import { convertCommand } from './verbs/convert.js'
import { diffCommand } from './verbs/diff.js'
import { explainCommand } from './verbs/explain.js'
import { genCommand } from './verbs/gen.js'
import { graphCommand } from './verbs/graph.js'
import { imagesCommand } from './verbs/images.js'
import { initCommand } from './verbs/init.js'
import { inspectCommand } from './verbs/inspect.js'
import { manifestsCommand } from './verbs/manifests.js'
import { portsCommand } from './verbs/ports.js'
import { provisionCommand } from './verbs/provision.js'
import { upgradePlanCommand } from './verbs/upgrade-plan.js'

/** Every verb: the one place to add one. A verb loads what it needs when it runs. */
export const VERBS: readonly ((io: Io) => Command)[] = [
  initCommand,
  genCommand,
  inspectCommand,
  auditCommand,
  graphCommand,
  explainCommand,
  convertCommand,
  diffCommand,
  imagesCommand,
  manifestsCommand,
  upgradePlanCommand,
  provisionCommand,
  portsCommand,
]
