import { API_SERVER } from './apiserver.js'
import type { Component } from './component.js'
import { CONTROLLER_MANAGER, SCHEDULER } from './controllers.js'
import { ETCD } from './etcd.js'

export type { Component, EtcdStart, Site } from './component.js'

/** The static pods of a control plane. */
export const COMPONENTS: readonly Component[] = [ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER]
