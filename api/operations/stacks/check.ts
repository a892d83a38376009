import { AppError } from '../../../common/errors.ts'
import { preflight } from '../../../hosts/hcloud/preflight.ts'
import type { CloudSpec } from '../../../hosts/host-spec.ts'
import { cloudOf, type StackWork } from './work.ts'

/** @throws VALIDATION_ERROR where the provider would refuse, before anything is changed */
export async function check(work: StackWork, cloud: CloudSpec): Promise<void> {
  const { journal, operations, host } = work
  journal.begin(operations, 'check')
  const problems = await preflight(cloudOf(work), cloud, host.id)
  const [first] = problems
  if (first) throw new AppError('VALIDATION_ERROR', first.message, { fields: problems })
  await journal.end(operations, 'check')
}
