import type { Rule, RuleInfo } from '../types.js'
import { AUTHORITY_RULES } from './authorities.js'
import { CHAIN_RULES } from './chains.js'
import { CIS_RULES } from './cis.js'
import { CONNECTION_RULES } from './connections.js'
import { GROUP_TITLES } from './docs.js'
import { DOOR_RULES } from './doors.js'
import { DRIFT_RULES } from './drift.js'
import { ENCRYPTION_RULES } from './encryption.js'
import { EXPORT_RULES } from './exports.js'
import { EXTENSION_RULES } from './extensions.js'
import { FILE_RULES } from './files.js'
import { FLAG_RULES } from './flags.js'
import { IDENTITY_RULES } from './identity.js'
import { KEY_RULES } from './keys.js'
import { KUBECONFIG_RULES } from './kubeconfigs.js'
import { MANIFEST_RULES } from './manifests.js'
import { MODE_RULES } from './modes.js'
import { NAME_RULES } from './names.js'
import { PLACEMENT_RULES } from './placement.js'
import { REACH_RULES } from './reach.js'
import { SECRET_RULES } from './secrets.js'
import { SEPARATION_RULES } from './separation.js'
import { SERIAL_RULES } from './serials.js'
import { USAGE_RULES } from './usages.js'
import { VALIDITY_RULES } from './validity.js'

const GROUPS = Object.keys(GROUP_TITLES)

function order(a: Rule, b: Rule): number {
  const groups = GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group)
  return groups === 0 ? Number(a.code.slice(1)) - Number(b.code.slice(1)) : groups
}

/** The catalogue: every rule, in order of its code. */
export const RULES: readonly Rule[] = [
  ...FILE_RULES,
  ...KEY_RULES,
  ...CHAIN_RULES,
  ...AUTHORITY_RULES,
  ...EXTENSION_RULES,
  ...USAGE_RULES,
  ...NAME_RULES,
  ...SERIAL_RULES,
  ...VALIDITY_RULES,
  ...IDENTITY_RULES,
  ...SEPARATION_RULES,
  ...PLACEMENT_RULES,
  ...DRIFT_RULES,
  ...SECRET_RULES,
  ...ENCRYPTION_RULES,
  ...KUBECONFIG_RULES,
  ...MODE_RULES,
  ...MANIFEST_RULES,
  ...FLAG_RULES,
  ...DOOR_RULES,
  ...REACH_RULES,
  ...CIS_RULES,
  ...EXPORT_RULES,
  ...CONNECTION_RULES,
].sort(order)

/** The catalogue as others see it: what each rule is about. */
export const RULE_INFOS: readonly RuleInfo[] = RULES
