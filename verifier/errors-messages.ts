// biome-ignore-all format: a table, one row a line
/**
 * Every reason to refuse a program: kind, errno, and the sentence the kernel prints (Linux 6.18). `<name>` stands for
 * a field of the failure; `<name:x>` prints it as two hex digits. A message of several lines holds the line breaks.
 * errors.ts derives the types of the fields from these texts.
 */

/** errno and text of each kind, by phase. Some errnos depend on the case: then the caller gives the right one. */
export const MESSAGES = {
  // Load: maps, flags, program types
  'program-length': ['E2BIG', 'a program has 1 to <limit> instructions, not <count>'],
  'bad-map-fd': ['EINVAL', 'fd <fd> is not pointing to valid bpf_map'],
  'too-many-maps': ['E2BIG', 'The total number of maps per program has reached the limit of <limit>'],
  'direct-offset-too-large': ['EINVAL', 'direct value offset of <offset> is not allowed'],
  'no-direct-value': ['EINVAL', 'no direct value access support for this map type'],
  'direct-offset-invalid': ['EINVAL', 'invalid access to map value pointer, value_size=<valueSize> off=<offset>'],
  'fd-array-missing': ['EPROTO', 'fd_idx without fd_array is invalid'],
  'one-arena': ['EBUSY', 'Only one arena per program'],
  'arena-unmapped': ['EINVAL', "arena's user address must be set via map_extra or mmap()"],
  'map-not-for-program': ['EINVAL', '<who> cannot use <what> yet'],
  'struct-ops-map': ['EINVAL', 'bpf_struct_ops map cannot be used in prog'],
  'sleepable-map': ['EINVAL', 'Sleepable programs can only use array, hash, ringbuf and local storage maps'],
  'one-cgroup-storage': ['EBUSY', 'only one cgroup storage of each type is allowed'],
  'must-be-sleepable': ['EINVAL', 'Syscall programs can only be sleepable'],
  'cannot-be-sleepable': ['EINVAL', 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable'],
  'btf-id-invalid': ['ENOENT', 'ldimm64 insn specifies invalid btf_id <id>.'],
  'btf-id-kind': ['EINVAL', "pseudo btf_id <id> in ldimm64 isn't KIND_VAR or KIND_FUNC"],
  'missing-func-info': ['EINVAL', 'missing btf func_info'],
  'not-implemented': ['EOPNOTSUPP', 'harena does not implement <name>'],

  // Encoding
  'unknown-opcode': ['EINVAL', 'unknown opcode <opcode:x>'],
  'reserved-fields': ['EINVAL', '<class> uses reserved fields'],
  'bad-ld-imm64': ['EINVAL', 'invalid bpf_ld_imm64 insn'],
  'unrecognized-ld-imm64': ['EINVAL', 'unrecognized bpf_ld_imm64 insn'],
  'cast-without-arena': ['EINVAL', 'addr_space_cast insn can only be used in a program that has an associated arena'],
  'cast-spaces': ['EINVAL', 'addr_space_cast insn can only convert between address space 1 and 0'],
  'division-by-zero': ['EINVAL', 'div by zero'],
  'invalid-shift': ['EINVAL', 'invalid shift <amount>'],
  'invalid-register': ['EINVAL', 'R<reg> is invalid'],
  'frame-pointer-read-only': ['EACCES', 'frame pointer is read only'],
  'may-goto-imm': ['EINVAL', 'invalid may_goto imm <imm>'],
  'atomic-opcode': ['EINVAL', 'BPF_ATOMIC uses invalid atomic opcode <opcode:x>'],
  'atomic-size': ['EINVAL', 'invalid atomic operand size'],
  'packet-load-context': ['EINVAL', 'at the time of BPF_LD_ABS|IND R6 != pointer to skb'],
  'packet-load-not-allowed': ['EINVAL', 'BPF_LD_[ABS|IND] instructions not allowed for this program type'],

  // Subprograms and control flow
  'call-destination': ['EINVAL', 'call to invalid destination'],
  'too-many-subprograms': ['E2BIG', 'too many subprograms'],
  'jump-out-of-range': ['EINVAL', 'jump out of range from insn <from> to <to>'],
  'last-insn': ['EINVAL', 'last insn is not an exit or jmp'],
  'unreachable-insn': ['EINVAL', 'unreachable insn <slot>'],
  'jump-into-ld-imm64': ['EINVAL', 'jump into the middle of ldimm64 insn <slot>'],
  'invalid-insn-index': ['EFAULT', 'invalid insn idx <slot> insn_cnt <count>'],
  'tail-call-without-btf': ['EINVAL', 'tail_call is not allowed in subprogs without BTF'],
  'packet-load-without-btf': ['EINVAL', 'LD_ABS is not allowed in subprogs without BTF'],
  'tail-call-return-type': ['EINVAL', "tail_call is only allowed in functions that return 'int'."],
  'packet-load-return-type': ['EINVAL', "LD_ABS is only allowed in functions that return 'int'."],

  // Registers
  'not-readable': ['EACCES', 'R<reg> !read_ok'],
  'invalid-mem-access': ['EACCES', "R<reg> invalid mem access '<type>'"],
  'cannot-write': ['EACCES', 'R<reg> cannot write into <type>'],
  'negative-struct-access': ['EACCES', 'R<reg> is <type> invalid negative access: off=<off>'],
  'only-read-from': ['EACCES', 'only read from <type> is supported'],
  'only-read': ['EACCES', 'only read is supported'],
  'access-beyond-struct': ['EACCES', 'access beyond struct <type> at off <off> size <size>'],
  'access-beyond-member': ['EACCES', 'access beyond the end of member <member> (mend:<end>) in struct <type> with off <off> size <size>'],

  // Stack
  'stack-read': ['EACCES', 'invalid read from stack off <off>+<index> size <size>'],
  'stack-read-variable': ['EACCES', 'invalid read from stack var_off <varOff>+<index> size <size>'],
  'stack-argument-read': ['EACCES', 'invalid read from stack R<reg> off <off>+<index> size <size>'],
  'stack-argument-read-variable': ['EACCES', 'invalid read from stack R<reg> var_off <varOff>+<index> size <size>'],
  'stack-read-range': ['EACCES', 'invalid read from stack R<reg> off=<off> size=<size>'],
  'stack-write-range': ['EACCES', 'invalid write to stack R<reg> off=<off> size=<size>'],
  'stack-read-variable-range': ['EACCES', 'invalid variable-offset read from stack R<reg> var_off=<varOff> off=<off> size=<size>'],
  'stack-write-variable-range': ['EACCES', 'invalid variable-offset write to stack R<reg> var_off=<varOff> off=<off> size=<size>'],
  'stack-variable-helper': ['EACCES', 'variable offset stack pointer cannot be passed into helper function; var_off=<varOff> off=<off>'],
  'stack-unbounded': ['EACCES', 'invalid unbounded variable-offset <access> stack R<reg>'],
  'fill-size': ['EACCES', 'invalid size of register fill'],
  'spill-size': ['EACCES', 'invalid size of register spill'],
  'spill-into-caller': ['EINVAL', 'cannot spill pointers to stack into stack frame of the caller'],
  'return-stack-pointer': ['EINVAL', 'cannot return stack pointer to the caller'],
  'stack-too-large': ['EACCES', 'combined stack size of <calls> calls is <bytes>. Too large'],
  'stack-tail-call': ['EACCES', 'tail_calls are not allowed when call stack of previous frames is <bytes> bytes. Too large'],
  'call-depth': ['E2BIG', 'the call stack of <frames> frames is too deep'],
  'call-depth-static': ['E2BIG', 'the call stack of <frames> frames is too deep !'],
  'dynptr-overwrite': ['EACCES', 'potential write to dynptr at off=<off> disallowed'],

  // Alignment; `what` is `stack`, `value`, `context`
  'misaligned': ['EACCES', 'misaligned <what>access off <varOff>+<regOff>+<off> size <size>'],
  'misaligned-packet': ['EACCES', 'misaligned packet access off <ip>+<varOff>+<regOff>+<off> size <size>'],

  // Context
  'context-access': ['EACCES', 'invalid bpf_context access off=<off> size=<size>'],
  'modified-pointer': ['EACCES', 'dereference of modified <type> ptr R<reg> off=<off> disallowed'],
  'negative-offset-pointer': ['EACCES', 'negative offset <type> ptr R<reg> off=<off> disallowed'],
  'variable-pointer': ['EACCES', 'variable <type> access var_off=<varOff> disallowed'],
  'socket-access': ['EACCES', 'R<reg> invalid <type> access off=<off> size=<size>'],
  'different-pointers': ['EINVAL', 'same insn cannot be used with different pointers'],

  // Map value, memory, packet
  'map-value-range': ['EACCES', 'invalid access to map value, value_size=<memSize> off=<off> size=<size>'],
  'map-key-range': ['EACCES', 'invalid access to map key, key_size=<memSize> off=<off> size=<size>'],
  'memory-range': ['EACCES', 'invalid access to memory, mem_size=<memSize> off=<off> size=<size>'],
  'packet-range': ['EACCES', 'invalid access to packet, off=<off> size=<size>, R<reg>(id=<id>,off=<off>,r=<range>)'],
  'min-outside': ['EACCES', 'R<reg> min value is outside of the allowed memory range'],
  'max-outside': ['EACCES', 'R<reg> max value is outside of the allowed memory range'],
  'min-negative': ['EACCES', 'R<reg> min value is negative, either use unsigned index or do a if (index >=0) check.'],
  'unbounded-access': ['EACCES', 'R<reg> unbounded memory access, make sure to bounds check any such access'],
  'packet-outside': ['EACCES', 'R<reg> offset is outside of the packet'],
  'packet-read-only': ['EACCES', 'cannot write into packet'],
  'map-write-forbidden': ['EACCES', 'write into map forbidden, value_size=<memSize> off=<off> size=<size>'],
  'map-read-forbidden': ['EACCES', 'read from map forbidden, value_size=<memSize> off=<off> size=<size>'],
  'map-key-write': ['EACCES', 'write to change key R<reg> not allowed'],
  'field-direct': ['EACCES', '<field> cannot be accessed directly by load/store'],
  'field-indirect': ['EACCES', '<field> cannot be accessed indirectly by helper'],
  'negative-buffer-offset': ['EACCES', 'R<reg> invalid <type> buffer access: off=<off>, size=<size>'],
  'variable-buffer-offset': ['EACCES', 'R<reg> invalid variable buffer offset: off=<off>, var_off=<varOff>'],

  // Atomics
  'atomic-store-not-allowed': ['EACCES', 'BPF_ATOMIC stores into R<reg> <type> is not allowed'],
  'atomic-load-not-allowed': ['EACCES', 'BPF_ATOMIC loads from R<reg> <type> is not allowed'],

  // Pointer arithmetic
  'arithmetic-null': ['EACCES', 'R<reg> pointer arithmetic on <type> prohibited, null-check it first'],
  'arithmetic-type': ['EACCES', 'R<reg> pointer arithmetic on <type> prohibited'],
  'arithmetic-32': ['EACCES', 'R<reg> 32-bit pointer arithmetic prohibited'],
  'arithmetic-bitwise': ['EACCES', 'R<reg> bitwise operator <op> on pointer prohibited'],
  'arithmetic-operator': ['EACCES', 'R<reg> pointer arithmetic with <op> operator prohibited'],
  'arithmetic-pointers': ['EACCES', 'R<reg> pointer <op> pointer prohibited'],
  'subtract-from-scalar': ['EACCES', 'R<reg> tried to subtract pointer from scalar'],
  'subtract-from-stack': ['EACCES', 'R<reg> subtraction from stack pointer prohibited'],
  'math-constant': ['EINVAL', 'math between <type> pointer and <value> is not allowed'],
  'math-unbounded': ['EINVAL', 'math between <type> pointer and register with unbounded min value is not allowed'],
  'math-value': ['EINVAL', 'value <value> makes <type> pointer be out of bounds'],
  'math-offset': ['EINVAL', '<type> pointer offset <off> is not allowed'],
  'arithmetic-unprivileged': ['EACCES', 'R<reg> pointer arithmetic prohibited'],
  'comparison-pointer': ['EACCES', 'R<reg> pointer comparison prohibited'],

  // Calls and their arguments
  'unknown-helper': ['EINVAL', 'invalid func <name>#<id>'],
  'helper-not-available': ['EINVAL', 'program of this type cannot use helper <name>#<id>'],
  'gpl-helper': ['EINVAL', 'cannot call GPL-restricted function from non-GPL compatible program'],
  'helper-might-sleep': ['EINVAL', 'helper call might sleep in a non-sleepable prog'],
  'helper-sleeps-in-region': ['EINVAL', 'sleepable helper <name>#<id> in <region>'],
  'packet-to-helper': ['EACCES', 'helper access to the packet is not allowed'],
  'argument-type': ['EACCES', 'R<reg> type=<type> expected=<expected>'],
  'argument-null': ['EACCES', 'Possibly NULL pointer passed to helper arg<reg>'],
  'release-offset': ['EINVAL', 'R<reg> must have zero offset when passed to release func or trusted arg to kfunc'],
  'release-unreferenced': ['EINVAL', 'R<reg> must be referenced when passed to release function'],
  'size-negative': ['EACCES', "R<reg> min value is negative, either use unsigned or 'var &= const'"],
  'size-zero': ['EACCES', 'R<reg> invalid zero-sized read: u64=[<umin>,<umax>]'],
  'size-unbounded': ['EACCES', "R<reg> unbounded memory access, use 'var &= const' or 'if (var < const)'"],
  'zero-sized-read': ['EACCES', 'invalid zero-sized read'],
  'size-not-constant': ['EACCES', "R<reg> is not a known constant'"],
  'map-helper-mismatch': ['EINVAL', 'cannot pass map_type <type> into func <name>#<id>'],
  'map-write-by-helper': ['EACCES', 'write into map forbidden'],
  'tail-call-map': ['EINVAL', 'expected prog array map for tail call'],
  'local-storage-flags': ['EINVAL', "get_local_storage() doesn't support non-zero flags"],
  'string-not-readonly': ['EACCES', "R<reg> does not point to a readonly map'"],
  'string-address': ['EACCES', "R<reg> is not a constant address'"],
  'string-unterminated': ['EINVAL', 'string is not zero-terminated'],
  'format-string': ['EINVAL', 'Invalid format string'],
  'timer-map-mismatch': ['EINVAL', "timer pointer in R1 map_uid=<uid1> doesn't match map pointer in R2 map_uid=<uid2>"],
  'calls-under-lock': ['EINVAL', 'function calls are not allowed while holding a lock'],

  // kfuncs
  'kfunc-not-gpl': ['EINVAL', 'cannot call kernel function from non-GPL compatible program'],
  'kfunc-negative-offset': ['EINVAL', 'negative offset disallowed for kernel module function call\nfailed to find BTF for kernel function'],
  'kfunc-fd-array': ['EPROTO', 'kfunc offset > 0 without fd_array is invalid\nfailed to find BTF for kernel function'],
  'kfunc-not-function': ['EINVAL', 'kernel btf_id <id> is not a function'],
  'too-many-kfuncs': ['E2BIG', 'too many different kernel function calls'],
  'kfunc-not-allowed': ['EACCES', 'calling kernel function <name> is not allowed'],
  'kfunc-must-be-sleepable': ['EACCES', 'program must be sleepable to call sleepable kfunc <name>'],
  'kfunc-not-eliminated': ['EINVAL', 'invalid kernel function call not eliminated in verifier pass'],
  'kfunc-null': ['EACCES', 'Possibly NULL pointer passed to trusted arg<index>'],
  'kfunc-untrusted': ['EINVAL', 'R<reg> must be referenced or trusted'],
  'kfunc-map': ['EINVAL', "pointer in R<reg> isn't map pointer"],
  'not-scalar': ['EINVAL', 'R<reg> is not a scalar'],
  'not-constant': ['EINVAL', 'R<reg> must be a known constant'],

  // Global functions
  'caller-arguments': ['EINVAL', "Caller passes invalid args into func#<number> ('<name>')"],
  'argument-not-context': ['EINVAL', 'arg#<index> expects pointer to ctx'],
  'argument-maybe-null': ['EINVAL', 'arg#<index> is expected to be non-NULL'],
  'argument-not-arena': ['EINVAL', 'R<reg> is not a pointer to arena or scalar.'],
  'argument-size-unknown': ['EINVAL', "arg#<index> reference type('<type>') size cannot be determined: -22"],
  'argument-unsupported': ['EINVAL', 'Arg#<index> type <type> in <name>() is not supported yet.'],
  'argument-tags-unknown': ['EOPNOTSUPP', 'arg#<index> has unsupported set of tags'],
  'argument-tags-combination': ['EINVAL', 'arg#<index> has invalid combination of tags'],
  'argument-arena-tags': ['EINVAL', 'arg#<index> arena cannot be combined with any other tags'],
  'argument-tag-not-pointer': ['EINVAL', 'arg#<index> has pointer tag, but is not a pointer type'],
  'too-many-parameters': ['EINVAL', 'Global function <name>() with <count> > <limit> args. Buggy compiler.'],
  'global-return-type': ['EINVAL', "Global function <name>() doesn't return scalar. Only those are supported."],
  'global-without-btf': ['EFAULT', 'Global functions need valid BTF'],
  'global-under-lock': ['EINVAL', 'global function calls are not allowed while holding a lock,\nuse static function instead'],
  'global-may-sleep': ['EINVAL', 'global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context'],

  // Return values
  'exit-range': ['EINVAL', '<where> the register R<reg> has <range> should have been in [<min>, <max>]'],
  'exit-not-known': ['EINVAL', '<where> the register R<reg> is not a known value (<type>)'],
  'exit-not-scalar': ['EINVAL', 'At subprogram exit the register R<reg> is not a scalar value (<type>)'],

  // References
  'reference-leak': ['EINVAL', 'Unreleased reference id=<id> alloc_insn=<insn>\n<where> would lead to reference leak'],
  'exit-in-region': ['EINVAL', '<where> cannot be used inside <region>-ed region'],

  // Limits
  'program-too-large': ['E2BIG', 'BPF program is too large. Processed <processed> insn'],
  'too-many-jumps': ['EFAULT', 'The sequence of <jumps> jumps is too complex.'],
  'infinite-loop': ['EINVAL', 'infinite loop detected at insn <slot>'],
  'register-invariants': ['EFAULT', 'REG INVARIANTS VIOLATION (<context>): <what>'],
} as const

/** Kinds whose sentence the kernel ends without a line break: the next line of the log is glued to it. */
export const WITHOUT_NEWLINE: ReadonlySet<string> = new Set(['tail-call-map'])
