import type { CertificateView, KeyView } from '../inspect/inspect.js'
import type { JsonObject } from '../values/json.js'

/** What a difference is about. */
export type DifferenceKind =
  | 'node'
  | 'file'
  | 'mode'
  | 'certificate'
  | 'key'
  | 'kubeconfig'
  | 'flag'
  | 'environment'
  | 'mount'
  | 'volume'
  | 'probe'
  | 'image'
  | 'field'
  | 'content'

/** One thing in which two clusters differ. Plain JSON; secrets never occur in it. */
export interface Difference {
  /** Undefined: kept by the operator, not on a node. */
  readonly node?: string
  /** Relative to the node's root, or to the output folder; empty for a whole node. */
  readonly path: string
  /** Row of the certificate table, where the file has one: `apiserver`, `admin.conf`, `etcd-ca`. */
  readonly role?: string
  readonly kind: DifferenceKind
  readonly change: 'added' | 'removed' | 'changed'
  /** What of the file: a flag, a field's path, `subject`, `names`, `image`. */
  readonly subject: string
  readonly before?: string
  readonly after?: string
  /** The same as a sentence. */
  readonly message: string
}

/** A certificate as far as it can be compared: as `inspect` sees it, or planned, without dates and key. */
export interface CertificateShape
  extends Pick<
      CertificateView,
      'subject' | 'issuer' | 'names' | 'key' | 'extendedUsages' | 'authority'
    >,
    Partial<Pick<CertificateView, 'notBefore' | 'notAfter' | 'pin' | 'fingerprint'>> {
  /** Of a planned one: milliseconds from its making to its end. */
  readonly validity?: number
}

/** The public half of a key. */
export type KeyShape = Pick<KeyView, 'key'> & Partial<Pick<KeyView, 'pin'>>

/** A kubeconfig as `inspect` sees it, or planned. */
export interface KubeconfigShape {
  readonly currentContext: string
  readonly clusters: readonly {
    readonly name: string
    readonly server: string
    readonly authorities: readonly CertificateShape[]
  }[]
  readonly users: readonly {
    readonly name: string
    readonly certificates: readonly CertificateShape[]
    /** Names of the fields that carry credentials. */
    readonly credentials: readonly string[]
  }[]
}

/** What a file holds, as far as it is understood. */
export type Content =
  | {
      readonly kind: 'pem'
      readonly certificates: readonly CertificateShape[]
      readonly keys: readonly KeyShape[]
    }
  | { readonly kind: 'kubeconfig'; readonly config: KubeconfigShape }
  | { readonly kind: 'pod'; readonly pod: JsonObject }
  | { readonly kind: 'documents'; readonly documents: readonly JsonObject[] }
  | { readonly kind: 'arguments'; readonly words: readonly string[] }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'directory' }
  | { readonly kind: 'opaque'; readonly data: Uint8Array }
  /** Not made yet, or not read: only its presence and mode count. */
  | { readonly kind: 'unknown' }

export interface FileView {
  readonly mode?: number
  readonly content: Content
}

/** Files by path. */
export type FolderView = ReadonlyMap<string, FileView>

/** Everything of one cluster that is compared, read from disk or planned. */
export interface ClusterView {
  readonly nodes: ReadonlyMap<string, FolderView>
  /** What is on no node (`authorities/`, `kubeconfig/`), by path in the output folder; undefined where it was not looked at. */
  readonly shared?: FolderView
}
