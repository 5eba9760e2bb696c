//! Counts allocations of the packet path: after construction there are none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tandem_media::conceal::Concealer;
use tandem_media::dtmf::{EventReceiver, EventSender, Step};
use tandem_media::jitter::{JitterBuffer, JitterConfig, Pop};
use tandem_media::resample::Resampler;
use tandem_media::srtp::{Protector, Unprotector};
use tandem_media::tone::DtmfTone;
use tandem_model::{SampleRate, SrtpKey, SrtpSuite, Timestamp};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every call on to the system allocator unchanged. JUSTIFICATION: the only way to see an allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `alloc` above with this `layout`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8; 10]))), 1);
}

#[test]
fn srtp_allocates_nothing_per_packet() {
    for suite in SrtpSuite::ALL {
        let key = SrtpKey::new(suite, vec![7; suite.key_len() + suite.salt_len()]).unwrap();
        let (mut out, mut inn) = (Protector::new(&key), Unprotector::new(&key));
        let mut buf = [0; 200];
        let count = allocations(|| {
            for seq in 0..300_u16 {
                buf[0] = 0x80;
                buf[2..4].copy_from_slice(&seq.to_be_bytes());
                let len = out.protect_rtp(&mut buf, 172).unwrap();
                assert_eq!(inn.unprotect_rtp(&mut buf, len), Ok(172));
                assert!(inn.unprotect_rtp(&mut buf, len).is_err());
                let len = out.protect_rtcp(&mut buf, 28).unwrap();
                assert_eq!(inn.unprotect_rtcp(&mut buf, len), Ok(28));
            }
        });
        assert_eq!(count, 0, "{suite:?}");
    }
}

#[test]
fn the_frame_path_allocates_nothing() {
    let mut jitter = JitterBuffer::new(8_000, 20, JitterConfig::default());
    let mut concealer = Concealer::new(SampleRate::HZ_8000);
    let mut resampler = Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000);
    let mut tone = DtmfTone::new(SampleRate::HZ_8000);
    let (mut sender, mut receiver) = (EventSender::new(8_000), EventReceiver::new());
    tone.push("123").unwrap();
    sender.push("123").unwrap();
    let (mut frames, mut digits, mut missing) = (0, 0, 0);
    let count = allocations(|| {
        let (mut pcm, mut wide) = ([0; 160], [0; 960]);
        for n in 0..200_u16 {
            let now = Timestamp::from_millis(u64::from(n) * 20);
            if n % 10 != 7 {
                jitter.insert(now, n, u32::from(n) * 160, n == 0, &[n as u8; 160]);
            }
            tone.fill(&mut pcm);
            match jitter.pop(now) {
                Pop::Frame { .. } => {
                    frames += 1;
                    concealer.good(&mut pcm);
                }
                Pop::Missing { .. } => {
                    missing += 1;
                    concealer.conceal(&mut pcm);
                }
                Pop::Empty => {}
            }
            assert_eq!(resampler.process(&pcm, &mut wide), 960);
            if let Step::Packet { marker, timestamp, payload, .. } = sender.step(u32::from(n) * 160) {
                digits += u32::from(receiver.packet(timestamp, marker, &payload).is_some());
            }
        }
    });
    assert_eq!(count, 0);
    assert!(frames > 150 && missing > 15 && digits == 3, "{frames} {missing} {digits}");
}
