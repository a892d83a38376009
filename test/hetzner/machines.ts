export interface VolumeOfServer {
  id: number
  name: string
  /** GB. */
  size: number
  format: string | null
  /** Where a machine finds it. */
  device: string
}

/** What a machine behind a server is made from. */
export interface MachineOfServer {
  id: number
  name: string
  ipv4: string | null
  /** The first address of its /64 network. */
  ipv6: string | null
  userData: string
  /** Public keys for root. */
  sshKeys: string[]
  /** Attached when it is made; others come and go by `ServerVolumes`. */
  volumes: VolumeOfServer[]
}

/**
 * Machines behind the emulated servers. Each is awaited within the action of the call that asks for it; what it throws
 * is the action's error.
 */
export interface ServerMachines {
  /** Makes it, switched off. A rebuild removes it first. */
  create: (server: MachineOfServer) => Promise<void>
  powerOn: (id: number) => Promise<void>
  powerOff: (id: number) => Promise<void>
  /** Whatever state it is in, also when it was never made. Its volumes are detached from it. */
  remove: (id: number) => Promise<void>
  /** Without them volumes are records only. */
  volumes?: ServerVolumes
}

/** Disks that outlive the machines; awaited as those are. */
export interface ServerVolumes {
  create: (volume: VolumeOfServer) => Promise<void>
  /** Whether the server runs or not. */
  attach: (server: number, volume: VolumeOfServer) => Promise<void>
  detach: (id: number) => Promise<void>
  /** @param size GB */
  resize: (id: number, size: number) => Promise<void>
  /** The call that asks for it has no action, and answers when this returns. */
  remove: (id: number) => void
}
