/* SPDX-License-Identifier: MIT */
/*
 * switch_x86_64.S - all that x86-64 has to say about switching stacks: the frame a parked flow
 * leaves behind, how the next one is resumed, and where a debugger's walk ends.
 *
 * A parked stack, from its saved sp upwards (struct awl__context.sp):
 *
 *	 0  MXCSR, and at 4 the x87 control word
 *	 8  r15   16 r14   24 r13   32 r12   40 rbx   48 rbp
 *	56  where to return
 *
 * What else a function may expect to keep across a call (System V ABI 3.2.1) is nothing.
 * The .note below marks IBT alone: a shadow stack would have to be switched too.
 */
#define FRAME 64
#define CONTROL_BITS 0xffc0 /* of MXCSR: the low six are sticky status flags, no reason to reload */

	.text

/* Each of the seven words is in its place from here on, sp being at the frame. */
.macro frame_cfi
	.cfi_def_cfa %rsp, FRAME
	.cfi_offset %rbp, -16
	.cfi_offset %rbx, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
.endm

/*
 * void awl__switch(void **save_sp, void *to_sp);
 *
 * Both stacks have the same frame at their sp, so one description holds before and after the
 * exchange. It ends in `ret`: where both flows wait at the same call the processor's return stack
 * predicts it right; an indirect jump would leave that stack one off for all returns to come.
 */
	.globl awl__switch
	.hidden awl__switch
	.type awl__switch, @function
	.p2align 6
awl__switch:
	.cfi_startproc
	endbr64
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq %r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq %r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq %r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq %r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	movl (%rsp), %eax
	movzwl 4(%rsp), %ecx
	movq %rsp, (%rdi)
	movq %rsi, %rsp

	/* A parked context stands here: a debugger that sets sp to its frame and pc to this label
	 * can walk it. */
	.globl awl__switch_parked
	.hidden awl__switch_parked
awl__switch_parked:
	xorl (%rsp), %eax
	testl $CONTROL_BITS, %eax
	jnz 1f
	cmpw 4(%rsp), %cx
	jne 2f
3:	movq 8(%rsp), %r15
	movq 16(%rsp), %r14
	movq 24(%rsp), %r13
	movq 32(%rsp), %r12
	movq 40(%rsp), %rbx
	movq 48(%rsp), %rbp
	.cfi_remember_state
	addq $56, %rsp
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	.cfi_restore %rbx
	.cfi_restore %r12
	.cfi_restore %r13
	.cfi_restore %r14
	.cfi_restore %r15
	ret
	.cfi_restore_state
1:	ldmxcsr (%rsp)
	cmpw 4(%rsp), %cx
	je 3b
2:	fldcw 4(%rsp)
	jmp 3b
	.cfi_endproc
	.size awl__switch, . - awl__switch

/*
 * void awl__switch_last(void *to_sp);
 *
 * The flow that calls it ends: nothing of it is kept but the control words to compare with.
 */
	.globl awl__switch_last
	.hidden awl__switch_last
	.type awl__switch_last, @function
	.p2align 4
awl__switch_last:
	.cfi_startproc
	endbr64
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	movl (%rsp), %eax
	movzwl 4(%rsp), %ecx
	movq %rdi, %rsp
	frame_cfi
	jmp awl__switch_parked
	.cfi_endproc
	.size awl__switch_last, . - awl__switch_last

/*
 * void *awl__switch_frame(void *high, void (*entry)(void), uint64_t words);
 *
 * The frame of a flow that has not begun, for a stack that ends at high (a multiple of 16); returns
 * its sp. The first switch returns into awl__switch_begin with entry in rbx, and sp at the word
 * above the frame as if entry had been called; rbp 0 ends a walk along frame pointers.
 */
	.globl awl__switch_frame
	.hidden awl__switch_frame
	.type awl__switch_frame, @function
	.p2align 4
awl__switch_frame:
	.cfi_startproc
	endbr64
	leaq -(FRAME + 8)(%rdi), %rax
	movq %rdx, (%rax)
	movq %rsi, 40(%rax)
	movq $0, 48(%rax)
	leaq awl__switch_begin(%rip), %rcx
	movq %rcx, 56(%rax)
	leaq awl__switch_bottom(%rip), %rcx
	movq %rcx, 64(%rax)
	ret
	.cfi_endproc
	.size awl__switch_frame, . - awl__switch_frame

/* uint64_t awl__switch_words(void); the control words of this moment, as a frame has them. */
	.globl awl__switch_words
	.hidden awl__switch_words
	.type awl__switch_words, @function
	.p2align 4
awl__switch_words:
	.cfi_startproc
	endbr64
	movq $0, -8(%rsp)
	stmxcsr -8(%rsp)
	fnstcw -4(%rsp)
	movq -8(%rsp), %rax
	ret
	.cfi_endproc
	.size awl__switch_words, . - awl__switch_words

/* void awl__switch_set_words(uint64_t words); */
	.globl awl__switch_set_words
	.hidden awl__switch_set_words
	.type awl__switch_set_words, @function
	.p2align 4
awl__switch_set_words:
	.cfi_startproc
	endbr64
	movq %rdi, -8(%rsp)
	stmxcsr -16(%rsp)
	fnstcw -12(%rsp)
	movl -16(%rsp), %eax
	xorl %edi, %eax
	testl $CONTROL_BITS, %eax
	jz 1f
	ldmxcsr -8(%rsp)
1:	movzwl -12(%rsp), %eax
	cmpw -4(%rsp), %ax
	je 2f
	fldcw -4(%rsp)
2:	ret
	.cfi_endproc
	.size awl__switch_set_words, . - awl__switch_set_words

/* void *awl__fault_sp(const ucontext_t *uc); uc_mcontext.gregs[REG_RSP] */
	.globl awl__fault_sp
	.hidden awl__fault_sp
	.type awl__fault_sp, @function
	.p2align 4
awl__fault_sp:
	.cfi_startproc
	endbr64
	movq 160(%rdi), %rax
	ret
	.cfi_endproc
	.size awl__fault_sp, . - awl__fault_sp

/* void *awl__fault_pc(const ucontext_t *uc); uc_mcontext.gregs[REG_RIP] */
	.globl awl__fault_pc
	.hidden awl__fault_pc
	.type awl__fault_pc, @function
	.p2align 4
awl__fault_pc:
	.cfi_startproc
	endbr64
	movq 168(%rdi), %rax
	ret
	.cfi_endproc
	.size awl__fault_pc, . - awl__fault_pc

/*
 * The bottom of every stack. An undefined rip says that nobody called this. Unwinders look at the
 * byte before a return address, hence the nop before the label and the jump before the other; a
 * call instead of the jump would leave the processor's return stack one off.
 */
	.type awl__switch_bottom_frame, @function
	.p2align 4
awl__switch_bottom_frame:
	.cfi_startproc
	.cfi_undefined %rip
	.cfi_undefined %rbp
	nop
awl__switch_begin:
	jmp *%rbx
awl__switch_bottom:
	ud2 /* entry returned */
	.cfi_endproc
	.size awl__switch_bottom_frame, . - awl__switch_bottom_frame

	.section .note.gnu.property, "a", @note
	.p2align 3
	.long 4, 16, 5 /* sizes of name and description, NT_GNU_PROPERTY_TYPE_0 */
	.asciz "GNU"
	.long 0xc0000002, 4 /* GNU_PROPERTY_X86_FEATURE_1_AND */
	.long 1, 0 /* IBT */
	.section .note.GNU-stack, "", @progbits
