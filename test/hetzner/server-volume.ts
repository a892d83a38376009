import type { VolumeOfServer } from './machines.ts'
import type { VolumeRecord } from './records.ts'

export const deviceOf = ({ id }: { id: number }): string => `/dev/disk/by-id/scsi-0HC_Volume_${id}`

export const volumeOf = ({ id, name, size, format }: VolumeRecord): VolumeOfServer => ({
  id,
  name,
  size,
  format,
  device: deviceOf({ id }),
})
