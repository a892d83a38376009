import * as provider from '@pulumi/pulumi/provider/index.js'
import { VpsProvider } from './vps-provider.ts'

await provider.main(new VpsProvider(process.env), process.argv.slice(2))
