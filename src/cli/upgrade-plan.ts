import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { upgradePlan } from '../compare/upgrade.js'
import { upgradeText } from '../compare/upgrade-text.js'
import { KpkiError } from '../errors.js'
import { CLUSTER_FILE, loadCluster } from './cluster-file.js'
import { issueLine } from './errors.js'
import { isFolder } from './input.js'
import type { ExitCode, Io } from './io.js'
import type { UpgradePlanOptions } from './verbs/upgrade-plan.js'

/** Says what lies between a cluster and a newer version. */
export async function runUpgradePlan(
  io: Io,
  path: string,
  options: UpgradePlanOptions,
): Promise<ExitCode> {
  const { cluster, warnings } = await loadCluster(io, {
    ...options,
    file: await fileOf(io, path),
  })
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const plan = await upgradePlan(cluster, options.to)
  io.out(options.json === true ? `${JSON.stringify(plan, undefined, 2)}\n` : upgradeText(plan))
  return 0
}

/** What describes the cluster in a folder: the cluster file of an output folder, or kubeadm.yaml of a node. */
const DESCRIPTIONS = [CLUSTER_FILE, 'etc/kubernetes/kubeadm.yaml', 'kubeadm.yaml']

async function fileOf(io: Io, path: string): Promise<string> {
  if (path === '-' || !(await isFolder(resolve(io.cwd, path)))) return path
  for (const name of DESCRIPTIONS)
    if (await isFile(resolve(io.cwd, path, name))) return join(path, name)
  throw new KpkiError(
    'ERR_FILE_MISSING',
    `${path} has no ${DESCRIPTIONS.join(', no ')}`,
    { path },
    { hint: 'name the cluster file itself, or kubeadm’s configuration' },
  )
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
