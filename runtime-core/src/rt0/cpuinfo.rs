//! Who the processor is, and how fast its cheap clock counts. Go: rt0_go's CPUID.

use crate::steps::step;
use crate::ticks;

#[inline(never)]
pub(crate) fn cpuinfo() {
    step("cpuinfo");
    ticks::init();
}
