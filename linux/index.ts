/**
 * harena/linux: the running kernel as an engine. The shape is that of the index's Machine, so that a program and its
 * user-space side go from one to the other unchanged.
 *
 *     const machine = new LinuxMachine()
 *     const object = machine.load(assemble(source))
 *     object.program('add_item').run().retval
 *
 * Needs Linux on x86-64, the optional package koffi, and the capabilities CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN);
 * CAP_NET_ADMIN for programs that see packets.
 */
export { whyUnavailable } from './availability.ts'
export { KernelClient, type KernelClientOptions } from './client.ts'
export type { LinuxMapOptions } from './create-map.ts'
export type { LinuxGlobal } from './global.ts'
export { hugePages } from './huge-pages.ts'
export type { LinuxImage } from './load.ts'
export { LinuxMachine, type LinuxObject } from './machine.ts'
export type { LinuxMap, LinuxMapInfo, LinuxMapRequest } from './map.ts'
export type { LinuxMapping, MappedArena } from './mapping.ts'
export type { LinuxProgram, LinuxRunResult } from './program.ts'
export { type Answer, answer, type MapContents, type Question, type RunAnswer, type RunRequest } from './question.ts'
