/** The engine with nothing of ours around it: an empty program, by the Automation API in a process of its own. */
import { LocalWorkspace } from '@pulumi/pulumi/automation/index.js'

const [workDir = '', backendUrl = '', name = ''] = process.argv.slice(2)
const stack = await LocalWorkspace.createOrSelectStack(
  { stackName: name, projectName: name, program: async () => ({}) },
  { workDir, projectSettings: { name, runtime: 'nodejs', backend: { url: backendUrl } } },
)
// Watched, as every run of ours is.
await stack.up({ color: 'never', onEvent: () => {} })
