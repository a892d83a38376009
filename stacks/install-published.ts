/** Downloads the published engine of the SDK's version. usage: install-published.ts DIRECTORY */
import { PulumiCommand } from '@pulumi/pulumi/automation/index.js'

await PulumiCommand.install({ root: process.argv[2] ?? '.' })
