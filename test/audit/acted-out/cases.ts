import type { Case } from './case.js'
import { API_CASES } from './cases-api.js'
import { AUTHORITY_CASES } from './cases-authorities.js'
import { CLIENT_CASES } from './cases-clients.js'
import { ETCD_CASES } from './cases-etcd.js'
import { FLAG_CASES } from './cases-flags.js'
import { FORM_CASES } from './cases-forms.js'
import { KEY_CASES } from './cases-keys.js'

export const CASES: readonly Case[] = [
  ...ETCD_CASES,
  ...API_CASES,
  ...AUTHORITY_CASES,
  ...CLIENT_CASES,
  ...KEY_CASES,
  ...FORM_CASES,
  ...FLAG_CASES,
]
