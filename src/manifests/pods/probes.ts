import type { Argument, Cluster } from '../../cluster/cluster.js'
import type { ProbePaths } from '../../releases/features.js'
import { argumentValue } from '../arguments.js'

/** Where the kubelet asks a component for its health. */
export interface ProbeTarget {
  /** Undefined: the pod's own address. */
  readonly host?: string
  readonly port: number
  readonly scheme: 'HTTP' | 'HTTPS'
}

export type HttpProbe = {
  readonly failureThreshold: number
  readonly httpGet: {
    readonly host?: string
    readonly path: string
    readonly port: number | string
    readonly scheme: 'HTTP' | 'HTTPS'
  }
  readonly initialDelaySeconds?: number
  readonly periodSeconds: number
  readonly timeoutSeconds: number
}

export type ContainerProbes = {
  readonly livenessProbe: HttpProbe
  readonly readinessProbe?: HttpProbe
  readonly startupProbe: HttpProbe
}

/** Name of the container port that probes refer to in releases that name it. */
export const PROBE_PORT = 'probe-port'

const PERIOD_SECONDS = 10
const TIMEOUT_SECONDS = 15
const DEFAULT_STARTUP_SECONDS = 240

/** A container's probes with kubeadm's timing; the startup probe lasts `componentTimeoutSeconds`. */
export function probesOf(
  cluster: Cluster,
  target: ProbeTarget,
  paths: ProbePaths,
): ContainerProbes {
  const port = cluster.release.namedProbePorts ? PROBE_PORT : target.port
  const httpGet = (path: string) => ({
    ...(target.host === undefined ? {} : { host: target.host }),
    path,
    port,
    scheme: target.scheme,
  })
  const timing = {
    initialDelaySeconds: PERIOD_SECONDS,
    periodSeconds: PERIOD_SECONDS,
    timeoutSeconds: TIMEOUT_SECONDS,
  }
  const startupFailures = Math.ceil(startupSeconds(cluster) / PERIOD_SECONDS)
  return {
    livenessProbe: {
      failureThreshold: 8,
      httpGet: httpGet(paths.liveness),
      ...timing,
    },
    ...(paths.readiness === undefined
      ? {}
      : {
          readinessProbe: {
            failureThreshold: 3,
            httpGet: httpGet(paths.readiness),
            periodSeconds: 1,
            timeoutSeconds: TIMEOUT_SECONDS,
          },
        }),
    startupProbe: {
      failureThreshold: startupFailures,
      httpGet: httpGet(paths.startup),
      ...timing,
    },
  }
}

// Where v1beta3 is the only API and kubeadm takes no timeout from it (1.30), the default is all there is.
function startupSeconds({ release, componentTimeoutSeconds }: Cluster): number {
  const settable = release.kubeadmApi !== 'kubeadm.k8s.io/v1beta3' || release.v1beta3Timeout
  return settable ? componentTimeoutSeconds : DEFAULT_STARTUP_SECONDS
}

/** A target on an address that a component listens on; an unspecified one means the pod's own address. */
export function secureTarget(address: string, port: number): ProbeTarget {
  const target = { port, scheme: 'HTTPS' } as const
  return address === '0.0.0.0' || address === '::' ? target : { host: address, ...target }
}

const ETCD_METRICS_PORT = 2381
const METRICS_URL = /^(\w+):\/\/(?:\[([^\]]*)\]|([^:/?#]*))(?::(\d+))?/

/** etcd's metrics listener: the first of `listen-metrics-urls` if the user set it, else port 2381 of `localhost`. */
export function etcdTarget(localhost: string, extra: readonly Argument[]): ProbeTarget {
  const [, scheme, ipv6, host, port] =
    METRICS_URL.exec(argumentValue(extra, 'listen-metrics-urls') ?? '') ?? []
  return {
    host: ipv6 || host || localhost,
    port: port === undefined ? ETCD_METRICS_PORT : Number(port),
    scheme: scheme === 'https' ? 'HTTPS' : 'HTTP',
  }
}
