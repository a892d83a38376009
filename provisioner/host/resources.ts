/**
 * What has to follow a change of a file: `reload:<unit>`, `restart:<unit>` or `run:<step>`. It is kept in a marker
 * on the host until it has been done, so a converge that died in between is made good by the next.
 */
export type Effect = `reload:${string}` | `restart:${string}` | `run:${string}`

export interface ManagedFile {
  path: string
  content: string
  mode: number
  owner: string
  group: string
  effects: readonly Effect[]
  /** Run on the candidate (`{}`) before it replaces anything; not 0 refuses it. */
  check?: readonly string[]
  /** Needed by the installation of the packages. */
  early?: true
  /** Another layer writes it: made where it is missing, never compared. */
  seed?: true
}

export interface ManagedDirectory {
  path: string
  mode: number
  owner: string
  group: string
}

export interface ManagedLink {
  path: string
  target: string
  /** As with files. */
  seed?: true
}

export interface ManagedUser {
  name: string
  comment: string
}

/** A systemd unit that is enabled and runs. */
export interface ManagedUnit {
  kind: 'unit'
  name: string
  /** What reloads it, where `systemctl reload` is not enough. */
  reload?: readonly string[]
}

/** A script of ours on the host that brings something about. */
export interface ManagedStep {
  kind: 'step'
  name: string
  /** Says what it does: "load the firewall". */
  title: string
  command: readonly string[]
  /** Prints one line; another than `wanted` means that the step has to run. `explain` says how it differs. */
  probe?: { command: readonly string[]; wanted: string; explain?: readonly string[] }
  /** It takes the lock of the host by itself, and has this long. */
  ownLockSeconds?: number
  /** Run over a connection that begins after the step; where none comes through, the host undoes the step. */
  confirm?: readonly string[]
}

/** One part of a host. The sequence says in which order units start and effects take place. */
export interface HostModule {
  name: string
  packages: readonly string[]
  users: readonly ManagedUser[]
  directories: readonly ManagedDirectory[]
  files: readonly ManagedFile[]
  links: readonly ManagedLink[]
  sequence: readonly (ManagedUnit | ManagedStep)[]
  /** Takes away what the sequence brought about, where stopping its units does not. */
  undo?: readonly (readonly string[])[]
}

const NOTHING = { packages: [], users: [], directories: [], files: [], links: [], sequence: [] }

/** A module with the parts given, and no others. */
export const hostModule = (name: string, parts: Partial<Omit<HostModule, 'name'>>): HostModule => ({
  ...NOTHING,
  ...parts,
  name,
})

/** A file of root's; 0644 where no mode is given. */
export const rootFile = (
  path: string,
  content: string,
  rest: Partial<Omit<ManagedFile, 'path' | 'content'>> = {},
): ManagedFile => ({ path, content, mode: 0o644, owner: 'root', group: 'root', effects: [], ...rest })
