/** The version in package.json, which lies beside the sources and one folder above what is built. */
import { existsSync, readFileSync } from 'node:fs'
import { InternalError } from '../errors/errors.ts'

export function version(): string {
  for (const place of ['../package.json', '../../package.json']) {
    const url = new URL(place, import.meta.url)
    if (!existsSync(url)) continue
    const parsed: unknown = JSON.parse(readFileSync(url, 'utf8'))
    if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version)
  }
  throw new InternalError('package.json is not where it should be')
}
