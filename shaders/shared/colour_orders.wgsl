// The six orders of three channels, as digits below 6 that a word of a stream gives (Stream::digits in
// src/schedule.rs).

// Whether a word gives a digit: four of 2^32 are refused, and the next round's word is tried.
fn gives_order(word: u32) -> bool {
    return word * 6u >= 4u;
}

// The order that a word gives: channel j at bits 2j and 2j+1.
fn order_by(word: u32) -> u32 {
    // word * 6 div 2^32.
    let digit = ((word >> 16u) * 6u + (((word & 0xffffu) * 6u) >> 16u)) >> 16u;
    // 012, 021, 102, 120, 201, 210: the orders, a byte each.
    return (select(0x09211824u, 0x0612u, digit >= 4u) >> (digit % 4u * 8u)) & 0xffu;
}
