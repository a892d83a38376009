/** The program of `pulumi up` by hand: the host's document comes from the control plane, or from a file. */
import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import * as pulumi from '@pulumi/pulumi'
import { type HostExtras, NO_EXTRAS, withExtras } from '../hosts/host-spec.ts'
import { type HostDocument, parseDocument } from './document.ts'
import { hostStack } from './host-stack.ts'
import { PROJECT } from './names.ts'

const API_DEADLINE_MS = 15_000

/** The control plane's door for engineers. */
interface Api {
  url: string
  key: string
}

function apiOf({ DBHOST_API_URL: url, DBHOST_API_KEY: key }: NodeJS.ProcessEnv): Api {
  if (url && key) return { url, key }
  throw new Error(
    'Set DBHOST_API_URL and DBHOST_API_KEY (an operator key), or DBHOST_DOCUMENT to the file of a host document; npm run stack -- sets them for you.',
  )
}

async function ask({ url, key }: Api, path: string, body?: unknown): Promise<string> {
  const response = await fetch(new URL(`/api/v1/hosts/${path}`, url), {
    ...(body === undefined ? {} : { method: 'PUT', body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(API_DEADLINE_MS),
  })
  const text = await response.text()
  if (response.ok) return text
  throw new Error(`The control plane answers ${path} with ${response.status}: ${text}`)
}

/**
 * What the host must be, with what `Pulumi.<stack>.yaml` adds to it. A change is announced and its additions are kept by
 * the control plane first, so that the worker's runs have them too; a preview changes nothing there.
 */
async function readDocument(stack: string): Promise<HostDocument> {
  const { DBHOST_DOCUMENT } = process.env
  if (DBHOST_DOCUMENT) {
    const document = parseDocument(readFileSync(DBHOST_DOCUMENT, 'utf8'))
    return added(document, configuredExtras(document) ?? document.spec.extras ?? NO_EXTRAS)
  }
  const api = apiOf(process.env)
  const host = encodeURIComponent(stack)
  const before = parseDocument(await ask(api, `${host}/document`))
  const extras = configuredExtras(before)
  const by = `by=${encodeURIComponent(`${userInfo().username}@${hostname()}`)}`
  if (!pulumi.runtime.isDryRun()) {
    if (extras) await ask(api, `${host}/extras?${by}`, extras)
    return parseDocument(await ask(api, `${host}/document?${by}`))
  }
  if (!extras) return before
  const { labels, rules } = JSON.parse(await ask(api, `${host}/extras?preview=true`, extras)) as HostExtras
  return added(before, { labels, rules })
}

/** What this checkout adds to the host; undefined where it says nothing of it, and the host keeps what it has. */
function configuredExtras({ spec }: HostDocument): HostExtras | undefined {
  const config = new pulumi.Config(PROJECT)
  const labels = config.getObject<HostExtras['labels']>('labels')
  const rules = config.getObject<HostExtras['rules']>('rules')
  return labels || rules
    ? { ...NO_EXTRAS, ...spec.extras, ...(labels && { labels }), ...(rules && { rules }) }
    : undefined
}

/** With other rules the edge is another one than the control plane knows; our versions cannot be told apart by it. */
function added(document: HostDocument, extras: HostExtras): HostDocument {
  const spec = withExtras(document.spec, extras)
  return isDeepStrictEqual(spec, document.spec) ? document : { ...document, edgeDigest: null, spec }
}

/** Of a bought machine. */
function hostKey(): string | undefined {
  const file = process.env.DBHOST_HOST_KEY_FILE
  return file ? readFileSync(file, 'utf8') : undefined
}

export default async (): Promise<Record<string, unknown>> =>
  hostStack(await readDocument(pulumi.getStack()), { hostKey: hostKey() })
