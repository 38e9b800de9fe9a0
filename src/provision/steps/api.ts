import type { Action } from '../action.js'
import { ADMIN_CONF, type Document, type StepContext } from '../context.js'
import { secret } from '../secret.js'

/** Shell functions for scripts that talk to the API server; `$f` is a private file. */
export const KUBECTL = `k() { kubectl --kubeconfig "\${conf:-${ADMIN_CONF}}" --request-timeout=60s "$@"; }
applied() { mkdir -p /var/lib/kpki/applied && printf '%s' "$2" >"/var/lib/kpki/applied/$1"; }
umask 077; f=$(mktemp /run/kpki/apply.XXXXXX) || exit 1; trap 'rm -f "$f"' EXIT
`

// $1 name, $2 hash to remember; the document is on standard input.
export const APPLY = `${KUBECTL}cat >"$f"; k apply -f "$f" && applied "$1" "$2"`
export const APPLY_ADMIN = `conf=$3; [ -f "$conf" ] || conf=${ADMIN_CONF}\n${APPLY}`
const APPLY_URL = `${KUBECTL}/usr/lib/apt/apt-helper download-file "$3" "$f" \${4:+"SHA256:$4"} >&2 && k apply -f "$f" && applied "$1" "$2"`

export const minute = 60_000

/** Something done through the API counts as done when its hash is remembered. */
export function remembered({ facts }: StepContext, name: string, hash: string): boolean {
  return facts.applied.get(name) === hash
}

export function hashOf({ digest }: StepContext, text: string): string {
  return digest('sha256', new TextEncoder().encode(text))
}

export function applyDocument(context: StepContext, document: Document): readonly Action[] {
  const text = document.text?.reveal()
  const hash = hashOf(context, text ?? `${document.url} ${document.sha256 ?? ''}`)
  const name = `manifest-${hashOf(context, document.name).slice(0, 12)}`
  if (remembered(context, name, hash)) return []
  const common = { kind: 'run', id: `apply-${document.name}`, timeoutMs: 2 * minute } as const
  const about = `apply ${document.name}`
  return text === undefined
    ? [
        {
          ...common,
          about,
          script: APPLY_URL,
          args: [name, hash, document.url ?? '', document.sha256 ?? ''],
        },
      ]
    : [{ ...common, about, script: APPLY, args: [name, hash], stdin: secret(text) }]
}
