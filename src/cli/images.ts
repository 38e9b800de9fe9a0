import { imagesOf } from '../manifests/images.js'
import { loadCluster } from './cluster-file.js'
import { issueLine } from './errors.js'
import type { ExitCode, Io } from './io.js'
import type { ImagesOptions } from './verbs/images.js'

/** Lists the images of a cluster. */
export async function runImages(io: Io, options: ImagesOptions): Promise<ExitCode> {
  const { cluster, warnings } = await loadCluster(io, options)
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const images = imagesOf(cluster)
  if (options.json === true) io.out(`${JSON.stringify(images, undefined, 2)}\n`)
  else io.out(images.map(({ image }) => `${image}\n`).join(''))
  return 0
}
