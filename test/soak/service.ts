import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunningService } from '../host/running-service.ts'

const LIBRARY = {
  x64: '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  arm64: '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
}[process.arch as 'x64' | 'arm64']

/** The library that shifts a program's clock, installed where it is missing. */
function clockLibrary(): string {
  if (!existsSync(LIBRARY)) {
    const done = spawnSync('apt-get', ['-qq', 'install', '-y', 'libfaketime'], {
      ...{ encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } },
    })
    if (!existsSync(LIBRARY)) throw new Error(`libfaketime cannot be installed: ${done.stderr}`)
  }
  return LIBRARY
}

/** A service whose server, worker and PostgreSQL run on a clock that can be shifted while they run. */
export interface SoakService {
  running: RunningService
  /** Their clock is ahead by what stands in it: `+3600`, in seconds. */
  clockFile: string
  remove: () => Promise<void>
}

export async function startSoakService(): Promise<SoakService> {
  const folder = mkdtempSync(join(tmpdir(), 'dbhost-soak-'))
  const clockFile = join(folder, 'clock')
  writeFileSync(clockFile, '+0\n')
  // Read by three OS users.
  spawnSync('chmod', ['-R', 'a+rX', folder])
  const environment = {
    LD_PRELOAD: clockLibrary(),
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_CACHE_DURATION: '1',
    // Intervals go on as they do when a machine's clock is set.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
  const running = await RunningService.start((clone) => {
    const file = join(clone.path, 'start', 'supervise.ts')
    const text = readFileSync(file, 'utf8')
    const patched = text.replace("TZ: 'UTC',", `TZ: 'UTC', ...${JSON.stringify(environment)},`)
    if (patched === text) throw new Error('start/supervise.ts gives no environment any more')
    writeFileSync(file, patched)
  })
  const remove = async (): Promise<void> => {
    await running.remove()
    rmSync(folder, { recursive: true })
  }
  return { running, clockFile, remove }
}
