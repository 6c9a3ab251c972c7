#!/usr/bin/env node
// Checks the Node version before anything newer is read, then runs the sources where they are, else what was built.
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'

var required = [22, 18]
var version = process.versions.node.split('.').map(Number)
if (version[0] < required[0] || (version[0] === required[0] && version[1] < required[1])) {
  console.error(`harena needs Node ${required.join('.')} or newer; this is ${process.versions.node}`)
  process.exit(2)
}
// Keeps what was compiled for the next time: starting takes a third.
nodeModule.enableCompileCache()
// Node does not strip types under node_modules, so an installed package has the built files only.
var source = new URL('../cli/main.ts', import.meta.url)
import(existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href).then((cli) =>
  cli.main(process.argv.slice(2)),
)
