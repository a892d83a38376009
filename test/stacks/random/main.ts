/** Serves what our stacks use of @pulumi/random where its published plugin cannot be had. */
import { randomBytes } from 'node:crypto'
import * as provider from '@pulumi/pulumi/provider/index.js'

interface RandomIdArgs {
  byteLength: number
  keepers?: Record<string, string>
  prefix?: string
}

const TYPE = 'random:index/randomId:RandomId'
const VERSION = '4.21.2'

class RandomProvider implements provider.Provider {
  readonly version = VERSION
  readonly schema = JSON.stringify({ name: 'random', version: VERSION, resources: {} })

  async check(urn: string, _olds: unknown, news: RandomIdArgs): Promise<provider.CheckResult> {
    if (!urn.includes(`::${TYPE}::`)) throw new Error(`${urn} is none of the types that are served here`)
    const failures =
      Number.isInteger(news.byteLength) && news.byteLength > 0
        ? []
        : [{ property: 'byteLength', reason: 'must be a whole number of bytes' }]
    return { inputs: news, failures }
  }

  async diff(
    _id: string,
    _urn: string,
    olds: RandomIdArgs,
    news: RandomIdArgs,
  ): Promise<provider.DiffResult> {
    const replaces = (['byteLength', 'keepers', 'prefix'] as const).filter(
      (key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]),
    )
    return { changes: replaces.length > 0, replaces }
  }

  async create(_urn: string, inputs: RandomIdArgs): Promise<provider.CreateResult> {
    const bytes = randomBytes(inputs.byteLength)
    const prefix = inputs.prefix ?? ''
    const id = bytes.toString('base64url')
    const outs = {
      ...inputs,
      ...{
        hex: prefix + bytes.toString('hex'),
        b64Url: prefix + id,
        b64Std: prefix + bytes.toString('base64'),
      },
      dec: prefix + BigInt(`0x${bytes.toString('hex')}`).toString(),
    }
    return { id, outs }
  }

  async read(id: string, _urn: string, properties: RandomIdArgs): Promise<provider.ReadResult> {
    return { id, props: properties }
  }
}

await provider.main(new RandomProvider(), process.argv.slice(2))
