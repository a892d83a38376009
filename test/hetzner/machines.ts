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
  /** Attached when the server is created; what is attached later does not reach the machine. */
  volumes: { id: number; name: string; size: number; device: string }[]
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
  /** Whatever state it is in, also when it was never made. */
  remove: (id: number) => Promise<void>
}
