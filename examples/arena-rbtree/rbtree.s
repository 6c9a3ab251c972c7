	.text
	.file	"rbtree.c"
	.globl	tree_insert                     # -- Begin function tree_insert
	.p2align	3
	.type	tree_insert,@function
tree_insert:                            # @tree_insert
# %bb.0:
	r5 = 0
	r4 = addr_space_cast(r2, 0, 1)
	r3 = addr_space_cast(r1, 0, 1)
	r0 = *(u64 *)(r3 + 0)
	if r0 == 0 goto LBB0_6
LBB0_1:                                 # =>This Inner Loop Header: Depth=1
	r5 = r0
	r0 = 2
	#APP
	may_goto LBB0_48
	#NO_APP
# %bb.2:                                #   in Loop: Header=BB0_1 Depth=1
	r6 = addr_space_cast(r5, 0, 1)
	r0 = 1
	r7 = *(u64 *)(r6 + 24)
	r8 = *(u64 *)(r4 + 24)
	if r8 == r7 goto LBB0_48
# %bb.3:                                #   in Loop: Header=BB0_1 Depth=1
	r0 = 8
	if r8 < r7 goto LBB0_5
# %bb.4:                                #   in Loop: Header=BB0_1 Depth=1
	r0 = 16
LBB0_5:                                 #   in Loop: Header=BB0_1 Depth=1
	r6 += r0
	r0 = *(u64 *)(r6 + 0)
	if r0 != 0 goto LBB0_1
LBB0_6:
	*(u64 *)(r4 + 0) = r5
	*(u64 *)(r4 + 8) = 0
	#APP
	#NO_APP
	*(u64 *)(r4 + 32) = 1
	*(u64 *)(r4 + 16) = 0
	r0 = r1
	if r5 == 0 goto LBB0_11
# %bb.7:
	r0 = addr_space_cast(r5, 0, 1)
	r0 = *(u64 *)(r0 + 24)
	r6 = *(u64 *)(r4 + 24)
	if r6 >= r0 goto LBB0_9
# %bb.8:
	r5 += 8
	goto LBB0_10
LBB0_9:
	r5 += 16
LBB0_10:
	r0 = r5
LBB0_11:
	r5 = addr_space_cast(r0, 0, 1)
	*(u64 *)(r5 + 0) = r2
	r5 = *(u64 *)(r4 + 0)
	if r5 == 0 goto LBB0_47
LBB0_12:                                # =>This Inner Loop Header: Depth=1
	r4 = addr_space_cast(r5, 0, 1)
	r4 = *(u64 *)(r4 + 32)
	if r4 == 0 goto LBB0_47
# %bb.13:                               #   in Loop: Header=BB0_12 Depth=1
	r0 = 2
	#APP
	may_goto LBB0_48
	#NO_APP
# %bb.14:                               #   in Loop: Header=BB0_12 Depth=1
	r4 = addr_space_cast(r2, 0, 1)
	r0 = *(u64 *)(r4 + 0)
	r7 = addr_space_cast(r0, 0, 1)
	r4 = *(u64 *)(r7 + 0)
	r5 = addr_space_cast(r4, 0, 1)
	r6 = *(u64 *)(r5 + 8)
	r8 = r6
	if r6 != r0 goto LBB0_16
# %bb.15:                               #   in Loop: Header=BB0_12 Depth=1
	r8 = *(u64 *)(r5 + 16)
LBB0_16:                                #   in Loop: Header=BB0_12 Depth=1
	if r8 == 0 goto LBB0_19
# %bb.17:                               #   in Loop: Header=BB0_12 Depth=1
	r8 = addr_space_cast(r8, 0, 1)
	r9 = *(u64 *)(r8 + 32)
	if r9 == 0 goto LBB0_19
# %bb.18:                               #   in Loop: Header=BB0_12 Depth=1
	*(u64 *)(r7 + 32) = 0
	*(u64 *)(r8 + 32) = 0
	*(u64 *)(r5 + 32) = 1
	r5 = *(u64 *)(r5 + 0)
	r2 = r4
	if r5 == 0 goto LBB0_47
	goto LBB0_12
LBB0_19:
	if r6 != r0 goto LBB0_33
# %bb.20:
	r8 = *(u64 *)(r7 + 16)
	if r8 != r2 goto LBB0_27
# %bb.21:
	r6 = addr_space_cast(r8, 0, 1)
	*(u64 *)(r10 - 8) = r6
	r9 = *(u64 *)(r6 + 8)
	*(u64 *)(r7 + 16) = r9
	r6 = r4
	if r9 == 0 goto LBB0_23
# %bb.22:
	r6 = addr_space_cast(r9, 0, 1)
	*(u64 *)(r6 + 0) = r0
	r6 = *(u64 *)(r7 + 0)
LBB0_23:
	r9 = *(u64 *)(r10 - 8)
	*(u64 *)(r9 + 0) = r6
	r6 = *(u64 *)(r7 + 0)
	r9 = r1
	*(u64 *)(r10 - 16) = r6
	if r6 == 0 goto LBB0_26
# %bb.24:
	r9 = *(u64 *)(r10 - 16)
	r6 = addr_space_cast(r9, 0, 1)
	r9 += 8
	r6 = *(u64 *)(r6 + 8)
	if r6 == r0 goto LBB0_26
# %bb.25:
	r9 = *(u64 *)(r10 - 16)
	r9 += 16
LBB0_26:
	r6 = addr_space_cast(r9, 0, 1)
	*(u64 *)(r6 + 0) = r8
	r6 = *(u64 *)(r10 - 8)
	*(u64 *)(r6 + 8) = r0
	*(u64 *)(r7 + 0) = r8
	r6 = *(u64 *)(r5 + 8)
	r0 = r2
LBB0_27:
	r2 = addr_space_cast(r0, 0, 1)
	*(u64 *)(r2 + 32) = 0
	*(u64 *)(r5 + 32) = 1
	r0 = addr_space_cast(r6, 0, 1)
	r2 = *(u64 *)(r0 + 16)
	*(u64 *)(r5 + 8) = r2
	if r2 == 0 goto LBB0_29
# %bb.28:
	r2 = addr_space_cast(r2, 0, 1)
	*(u64 *)(r2 + 0) = r4
LBB0_29:
	r2 = *(u64 *)(r5 + 0)
	*(u64 *)(r0 + 0) = r2
	if r2 == 0 goto LBB0_32
# %bb.30:
	r0 = addr_space_cast(r2, 0, 1)
	r1 = r2
	r1 += 8
	r0 = *(u64 *)(r0 + 8)
	if r0 == r4 goto LBB0_32
# %bb.31:
	r2 += 16
	r1 = r2
LBB0_32:
	r2 = r6
	r2 += 16
	goto LBB0_46
LBB0_33:
	r6 = *(u64 *)(r7 + 8)
	if r6 != r2 goto LBB0_40
# %bb.34:
	r8 = addr_space_cast(r6, 0, 1)
	*(u64 *)(r10 - 8) = r8
	r9 = *(u64 *)(r8 + 16)
	*(u64 *)(r7 + 8) = r9
	r8 = r4
	if r9 == 0 goto LBB0_36
# %bb.35:
	r8 = addr_space_cast(r9, 0, 1)
	*(u64 *)(r8 + 0) = r0
	r8 = *(u64 *)(r7 + 0)
LBB0_36:
	r9 = *(u64 *)(r10 - 8)
	*(u64 *)(r9 + 0) = r8
	r8 = *(u64 *)(r7 + 0)
	r9 = r1
	*(u64 *)(r10 - 16) = r8
	if r8 == 0 goto LBB0_39
# %bb.37:
	r9 = *(u64 *)(r10 - 16)
	r8 = addr_space_cast(r9, 0, 1)
	r9 += 8
	r8 = *(u64 *)(r8 + 8)
	if r8 == r0 goto LBB0_39
# %bb.38:
	r9 = *(u64 *)(r10 - 16)
	r9 += 16
LBB0_39:
	r8 = addr_space_cast(r9, 0, 1)
	*(u64 *)(r8 + 0) = r6
	r8 = *(u64 *)(r10 - 8)
	*(u64 *)(r8 + 16) = r0
	*(u64 *)(r7 + 0) = r6
	r0 = r2
LBB0_40:
	r2 = addr_space_cast(r0, 0, 1)
	*(u64 *)(r2 + 32) = 0
	*(u64 *)(r5 + 32) = 1
	r6 = *(u64 *)(r5 + 16)
	r0 = addr_space_cast(r6, 0, 1)
	r2 = *(u64 *)(r0 + 8)
	*(u64 *)(r5 + 16) = r2
	if r2 == 0 goto LBB0_42
# %bb.41:
	r2 = addr_space_cast(r2, 0, 1)
	*(u64 *)(r2 + 0) = r4
LBB0_42:
	r2 = *(u64 *)(r5 + 0)
	*(u64 *)(r0 + 0) = r2
	if r2 == 0 goto LBB0_45
# %bb.43:
	r0 = addr_space_cast(r2, 0, 1)
	r1 = r2
	r1 += 8
	r0 = *(u64 *)(r0 + 8)
	if r0 == r4 goto LBB0_45
# %bb.44:
	r2 += 16
	r1 = r2
LBB0_45:
	r2 = r6
	r2 += 8
LBB0_46:
	r1 = addr_space_cast(r1, 0, 1)
	*(u64 *)(r1 + 0) = r6
	r1 = addr_space_cast(r2, 0, 1)
	*(u64 *)(r1 + 0) = r4
	*(u64 *)(r5 + 0) = r6
LBB0_47:
	r1 = *(u64 *)(r3 + 0)
	r1 = addr_space_cast(r1, 0, 1)
	*(u64 *)(r1 + 32) = 0
	r0 = 0
LBB0_48:                                # Block address taken
                                        # Label of block must be emitted
	exit
.Lfunc_end0:
	.size	tree_insert, .Lfunc_end0-tree_insert
                                        # -- End function
	.addrsig
