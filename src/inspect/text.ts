import { printable } from '../values/text.js'
import type { CertificateView, Inspected, InspectedObject } from './inspect.js'

/** What a file holds, for people. */
export function inspectedLines({ path, objects }: Inspected, now: Date): string {
  const lines = objects.flatMap((object) => objectLines(object, now))
  const shown = lines.length === 0 ? ['nothing that is decoded here'] : lines
  return `${[path, ...indent(shown)].map(printable).join('\n')}\n`
}

function objectLines(object: InspectedObject, now: Date): readonly string[] {
  switch (object.kind) {
    case 'certificate':
      return certificateLines(object, now)
    case 'request':
      return [
        `certificate request for ${object.subject}`,
        `  key        ${object.key}`,
        ...row('names', object.names),
        `  signature  ${object.signatureValid ? 'valid' : 'NOT VALID'}`,
      ]
    case 'private key':
      return [`private key, ${object.key} (not shown)`, `  public     ${object.pin}`]
    case 'public key':
      return [`public key, ${object.key}`, `  pin        ${object.pin}`]
    case 'kubeconfig':
      return [
        `kubeconfig, current context ${object.currentContext || 'not set'}`,
        ...object.clusters.flatMap(({ name, server, authorities, unreadable }) => [
          `cluster ${name} at ${server}`,
          ...[...authorities, ...unreadable].flatMap((view) => indent(objectLines(view, now))),
        ]),
        ...object.users.flatMap(({ name, certificates, unreadable, credentials }) => [
          `user ${name} with ${credentials.join(', ') || 'no credentials'}`,
          ...[...certificates, ...unreadable].flatMap((view) => indent(objectLines(view, now))),
        ]),
      ]
    case 'pkcs12':
      return [
        `PKCS#12 file, ${object.encrypted ? 'encrypted' : 'not encrypted'}, ${object.certificates} certificates readable without its password`,
      ]
    case 'unreadable':
      return [`${object.what}: ${object.reason}`]
  }
}

function certificateLines(view: CertificateView, now: Date): readonly string[] {
  const kind = view.authority ? 'authority' : 'certificate'
  const pathLength = view.pathLength === undefined ? '' : `, path length ${view.pathLength}`
  return [
    `${kind} ${view.subject}${pathLength}`,
    `  issuer     ${view.issuer === view.subject ? 'itself' : view.issuer}`,
    `  valid      ${view.notBefore} to ${view.notAfter} (${left(view, now)})`,
    `  key        ${view.key}, signed with ${view.signature}`,
    ...row('usages', [...view.usages, ...view.extendedUsages]),
    ...row('names', view.names),
    `  serial     ${view.serial}`,
    ...row('ski', view.subjectKeyIdentifier === undefined ? [] : [view.subjectKeyIdentifier]),
    ...row('aki', view.authorityKeyIdentifier === undefined ? [] : [view.authorityKeyIdentifier]),
    `  sha256     ${view.fingerprint}`,
    ...(view.authority ? [`  pin        ${view.pin}`] : []),
    ...row('odd', view.oddities),
  ]
}

function left({ notBefore, notAfter }: CertificateView, now: Date): string {
  const days = Math.floor((Date.parse(notAfter) - now.getTime()) / 86_400_000)
  if (days < 0) return `EXPIRED ${-days} days ago`
  return Date.parse(notBefore) > now.getTime() ? 'NOT YET VALID' : `${days} days left`
}

function row(label: string, values: readonly string[]): readonly string[] {
  return values.length === 0 ? [] : [`  ${label.padEnd(11)}${values.join(', ')}`]
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`)
}
