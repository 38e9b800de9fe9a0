import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema'
import { extraArgumentForms, extraArguments } from '../kubeadm/schema.js'
import { clusterSchema } from './schema.js'

/**
 * JSON Schema (draft 2020-12) of cluster.yaml, for editors. Looser than {@link parseCluster}: what needs
 * more than one field to be judged is not in it.
 */
export function clusterJsonSchema(): JsonSchema {
  const [, lazyArguments] = [extraArguments, extraArguments.pipe[0]]
  return {
    ...toJsonSchema(clusterSchema, {
      target: 'draft-2020-12',
      errorMode: 'ignore',
      overrideSchema: ({ valibotSchema }) =>
        valibotSchema === lazyArguments
          ? {
              anyOf: extraArgumentForms.map((form) => {
                const { $schema: _, ...plain } = toJsonSchema(form)
                return plain
              }),
            }
          : undefined,
    }),
    title: 'kpki cluster.yaml',
  }
}
