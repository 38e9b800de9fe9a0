/**
 * The disk side of kpki: reading and writing trees. Everything else works in memory.
 *
 * @module
 */

export { type ReadTreeOptions, readTree, type WriteTreeOptions, writeTree } from './files/disk.js'
export { withLock } from './files/lock.js'
