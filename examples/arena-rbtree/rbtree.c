/*
 * Insertion into a red-black tree whose nodes lie in an arena. Compiled by clang for BPF with arena pointers as address
 * space 1; rbtree.s is what came out, and arena-rbtree.bpf.s includes it. scripts/rebuild-fixtures.sh compiles again
 * and compares.
 */
#define __arena __attribute__((address_space(1)))

/* Leaves the loop when the program's budget is spent: the verifier's proof that it ends. */
#define may_break(label) asm volatile goto("may_goto %l[" #label "]" : : : : label)

typedef unsigned long long u64;

struct tree_item {
	struct tree_item __arena *parent;
	struct tree_item __arena *left;
	struct tree_item __arena *right;
	u64 key;
	u64 red;
};

typedef struct tree_item __arena *item;

struct tree {
	item root;
};

typedef struct tree __arena *tree_ptr;

static __attribute__((always_inline)) void replace_child(tree_ptr tree, item parent, item from, item to)
{
	if (!parent)
		tree->root = to;
	else if (parent->left == from)
		parent->left = to;
	else
		parent->right = to;
}

static __attribute__((always_inline)) void rotate_left(tree_ptr tree, item top)
{
	item child = top->right, inner = child->left;

	top->right = inner;
	if (inner)
		inner->parent = top;
	child->parent = top->parent;
	replace_child(tree, top->parent, top, child);
	child->left = top;
	top->parent = child;
}

static __attribute__((always_inline)) void rotate_right(tree_ptr tree, item top)
{
	item child = top->left, inner = child->right;

	top->left = inner;
	if (inner)
		inner->parent = top;
	child->parent = top->parent;
	replace_child(tree, top->parent, top, child);
	child->right = top;
	top->parent = child;
}

/* Puts `node`, whose key is set, into the tree. Returns 0, or 1 when the key is there already. */
__attribute__((noinline)) u64 tree_insert(tree_ptr tree, item node)
{
	item parent = 0, at = tree->root, above, uncle;

	while (at) {
		may_break(spent);
		parent = at;
		if (node->key == at->key)
			return 1;
		at = node->key < at->key ? at->left : at->right;
	}
	node->parent = parent;
	node->left = 0;
	/* Keeps clang from joining the two stores into a memset, which it forgets to cast. */
	asm volatile("" : : : "memory");
	node->right = 0;
	node->red = 1;
	if (!parent)
		tree->root = node;
	else if (node->key < parent->key)
		parent->left = node;
	else
		parent->right = node;

	while (node->parent && node->parent->red) {
		may_break(spent);
		parent = node->parent;
		above = parent->parent;
		uncle = above->left == parent ? above->right : above->left;
		if (uncle && uncle->red) {
			parent->red = 0;
			uncle->red = 0;
			above->red = 1;
			node = above;
			continue;
		}
		if (above->left == parent) {
			if (parent->right == node) {
				rotate_left(tree, parent);
				parent = node;
			}
			parent->red = 0;
			above->red = 1;
			rotate_right(tree, above);
		} else {
			if (parent->left == node) {
				rotate_right(tree, parent);
				parent = node;
			}
			parent->red = 0;
			above->red = 1;
			rotate_left(tree, above);
		}
		break;
	}
	tree->root->red = 0;
	return 0;
spent:
	return 2;
}
