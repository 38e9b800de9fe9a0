import type { Defect } from './defect.js'
import { CHAIN_DEFECTS } from './defects-chains.js'
import { CIS_DEFECTS } from './defects-cis.js'
import { CONFIG_DEFECTS } from './defects-config.js'
import { DOOR_DEFECTS } from './defects-doors.js'
import { FILE_DEFECTS } from './defects-files.js'
import { IDENTITY_DEFECTS } from './defects-identity.js'
import { KEY_DEFECTS } from './defects-keys.js'
import { MANIFEST_DEFECTS } from './defects-manifests.js'
import { MEMBER_DEFECTS } from './defects-members.js'
import { NAME_DEFECTS } from './defects-names.js'
import { REACH_DEFECTS } from './defects-reach.js'
import { RIGHTS_DEFECTS } from './defects-rights.js'
import { SECRET_DEFECTS } from './defects-secrets.js'

/** Every single-defect mutation. */
export const DEFECTS: readonly Defect[] = [
  ...FILE_DEFECTS,
  ...KEY_DEFECTS,
  ...CHAIN_DEFECTS,
  ...IDENTITY_DEFECTS,
  ...CONFIG_DEFECTS,
  ...NAME_DEFECTS,
  ...MANIFEST_DEFECTS,
  ...SECRET_DEFECTS,
  ...CIS_DEFECTS,
  ...DOOR_DEFECTS,
  ...REACH_DEFECTS,
  ...MEMBER_DEFECTS,
  ...RIGHTS_DEFECTS,
]
