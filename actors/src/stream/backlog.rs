use std::collections::VecDeque;
use std::time::Duration;

use tandem_media::control::MarkId;
use tandem_model::limits::{STREAM_BACKLOG_SECS_MAX, STREAM_MARKS_MAX};
use tandem_model::{SampleRate, Timestamp};

/// Media is fed so far ahead of what it plays: enough for a task that is late, and little to take back.
const AHEAD: Duration = Duration::from_millis(200);
/// Silence before audio that follows on nothing, so that what comes a little late after it is not missed.
const CUSHION: Duration = Duration::from_millis(60);
const CUSHION_REALTIME: Duration = Duration::from_millis(20);
/// With `realtime`, what waits longer than this is late, and left out.
const LATE_REALTIME: Duration = Duration::from_millis(400);
/// Marks that media has and has not told of.
const MARKS_IN_MEDIA_MAX: usize = 16;
/// A mark that media did not tell of for so long after its time was reached all the same.
const MARK_OVERDUE: Duration = Duration::from_secs(5);

/// What a server sent and was not played yet, in its order. It is fed to media as that plays it, so that little is lost when the
/// server changes its mind, and media is asked for little at a time however fast the server sends.
pub(super) struct Backlog {
    rate: SampleRate,
    realtime: bool,
    items: VecDeque<Item>,
    /// Samples in `items`.
    waiting: usize,
    marks_waiting: usize,
    /// Media has audio until then.
    fed_until: Timestamp,
    /// Marks that media has: their names, and when they are due.
    in_media: VecDeque<(MarkId, String, Timestamp)>,
    marks: u64,
    lost: u64,
}

enum Item {
    Audio { samples: Vec<i16>, taken: usize },
    Mark(String),
}

/// What media gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    Audio(Vec<i16>),
    Mark(MarkId),
}

impl Backlog {
    pub fn new(rate: SampleRate, realtime: bool) -> Self {
        Backlog {
            rate,
            realtime,
            items: VecDeque::new(),
            waiting: 0,
            marks_waiting: 0,
            fed_until: Timestamp::ZERO,
            in_media: VecDeque::new(),
            marks: 0,
            lost: 0,
        }
    }

    /// Samples that found no room, or were late.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    pub fn push(&mut self, samples: Vec<i16>) {
        let room = self.rate.0 as usize * STREAM_BACKLOG_SECS_MAX as usize;
        if self.waiting + samples.len() > room {
            self.lost += samples.len() as u64;
        } else if !samples.is_empty() {
            self.waiting += samples.len();
            self.items.push_back(Item::Audio { samples, taken: 0 });
        }
        if self.realtime {
            self.leave_out_late();
        }
    }

    /// False when there are too many.
    pub fn mark(&mut self, name: String) -> bool {
        let room = self.marks_waiting < STREAM_MARKS_MAX;
        if room {
            self.marks_waiting += 1;
            self.items.push_back(Item::Mark(name));
        }
        room
    }

    /// Forgets what was not played: the marks in it, in their order.
    pub fn clear(&mut self, now: Timestamp) -> Vec<String> {
        self.fed_until = now;
        (self.waiting, self.marks_waiting) = (0, 0);
        let in_media = self.in_media.drain(..).map(|(_, name, _)| name);
        let waiting = self.items.drain(..).filter_map(|item| match item {
            Item::Audio { .. } => None,
            Item::Mark(name) => Some(name),
        });
        in_media.chain(waiting).collect()
    }

    /// What media is to have now.
    pub fn feed(&mut self, now: Timestamp) -> Vec<Feed> {
        let mut out = Vec::new();
        let mut audio: Vec<i16> = Vec::new();
        let dry = self.fed_until <= now;
        if dry {
            self.fed_until = now;
        }
        while let Some(item) = self.items.front_mut() {
            match item {
                Item::Audio { samples, taken } => {
                    if dry && audio.is_empty() && out.is_empty() {
                        let cushion = if self.realtime { CUSHION_REALTIME } else { CUSHION };
                        audio.resize(samples_in(self.rate, cushion), 0);
                        self.fed_until = self.fed_until + cushion;
                    }
                    let room = samples_in(self.rate, (now + AHEAD).since(self.fed_until));
                    if room == 0 {
                        break;
                    }
                    let rest = &samples[*taken..];
                    let now_taken = rest.len().min(room);
                    audio.extend_from_slice(&rest[..now_taken]);
                    *taken += now_taken;
                    self.waiting -= now_taken;
                    self.fed_until = self.fed_until + time_of(self.rate, now_taken);
                    if *taken == samples.len() {
                        self.items.pop_front();
                    }
                }
                Item::Mark(_) if self.in_media.len() >= MARKS_IN_MEDIA_MAX => break,
                Item::Mark(name) => {
                    let name = std::mem::take(name);
                    self.items.pop_front();
                    self.marks_waiting -= 1;
                    if !audio.is_empty() {
                        out.push(Feed::Audio(std::mem::take(&mut audio)));
                    }
                    self.marks += 1;
                    self.in_media.push_back((MarkId(self.marks), name, self.fed_until));
                    out.push(Feed::Mark(MarkId(self.marks)));
                }
            }
        }
        if !audio.is_empty() {
            out.push(Feed::Audio(audio));
        }
        out
    }

    /// Media reached a mark: its name.
    pub fn marked(&mut self, mark: MarkId) -> Option<String> {
        let at = self.in_media.iter().position(|(id, _, _)| *id == mark)?;
        self.in_media.remove(at).map(|(_, name, _)| name)
    }

    /// A mark that media should have told of long ago: what tells of it is lossy when it is overloaded.
    pub fn overdue(&mut self, now: Timestamp) -> Option<String> {
        let (_, _, due) = self.in_media.front()?;
        if *due + MARK_OVERDUE > now {
            return None;
        }
        self.in_media.pop_front().map(|(_, name, _)| name)
    }

    /// The oldest goes first; marks stay in their order.
    fn leave_out_late(&mut self) {
        let most = samples_in(self.rate, LATE_REALTIME);
        while self.waiting > most {
            let Some(at) = self.items.iter().position(|item| matches!(item, Item::Audio { .. })) else { return };
            let Item::Audio { samples, taken } = &mut self.items[at] else { return };
            let surplus = (self.waiting - most).min(samples.len() - *taken);
            *taken += surplus;
            self.waiting -= surplus;
            self.lost += surplus as u64;
            if *taken == samples.len() {
                self.items.remove(at);
            }
        }
    }
}

fn samples_in(rate: SampleRate, time: Duration) -> usize {
    (u64::from(rate.0) * time.as_millis() as u64 / 1_000) as usize
}

fn time_of(rate: SampleRate, samples: usize) -> Duration {
    Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(rate.0.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_8000;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(10_000 + ms)
    }

    fn audio(feeds: &[Feed]) -> usize {
        feeds.iter().map(|f| if let Feed::Audio(a) = f { a.len() } else { 0 }).sum()
    }

    #[test]
    fn a_burst_is_fed_as_it_is_played_and_all_of_it_comes_out_in_order() {
        let mut backlog = Backlog::new(RATE, false);
        let burst: Vec<i16> = (0..16_000).map(|n| n as i16).collect();
        backlog.push(burst.clone());
        let mut heard = Vec::new();
        for tick in 0..120 {
            let feeds = backlog.feed(at(20 * tick));
            assert!(feeds.len() <= 1);
            assert!(audio(&feeds) <= 1_600, "200 ms at most");
            heard.extend(feeds.into_iter().flat_map(|f| if let Feed::Audio(a) = f { a } else { vec![] }));
            let ahead = heard.len() as i64 - 160 * tick as i64;
            assert!(ahead <= 1_600 || tick == 0, "{ahead} samples ahead at tick {tick}");
        }
        assert_eq!(&heard[..480], &[0; 480][..], "the cushion");
        assert_eq!(&heard[480..], &burst[..]);
    }

    #[test]
    fn what_comes_in_real_time_is_passed_on_at_once_behind_its_cushion() {
        let mut backlog = Backlog::new(RATE, false);
        for tick in 0..50 {
            backlog.push(vec![1; 160]);
            let fed = audio(&backlog.feed(at(20 * tick)));
            assert_eq!(fed, if tick == 0 { 160 + 480 } else { 160 }, "tick {tick}");
        }
        assert!(backlog.feed(at(2_000)).is_empty(), "it ran dry");
        backlog.push(vec![1; 160]);
        assert_eq!(audio(&backlog.feed(at(2_000))), 640, "a cushion again");
    }

    #[test]
    fn marks_stand_where_they_stood_and_are_named_when_media_tells() {
        let mut backlog = Backlog::new(RATE, true);
        backlog.push(vec![5; 80]);
        assert!(backlog.mark("one".into()) && backlog.mark("two".into()));
        backlog.push(vec![6; 80]);
        let feeds = backlog.feed(at(0));
        assert!(
            matches!(feeds.as_slice(), [Feed::Audio(a), Feed::Mark(MarkId(1)), Feed::Mark(MarkId(2)), Feed::Audio(b)]
            if a.len() == 160 + 80 && b.len() == 80),
            "{feeds:?}"
        );
        assert_eq!(backlog.marked(MarkId(2)).as_deref(), Some("two"));
        assert_eq!(backlog.marked(MarkId(2)), None);
        assert_eq!(backlog.overdue(at(5_000)), None);
        assert_eq!(backlog.overdue(at(5_100)).as_deref(), Some("one"));
        assert_eq!(backlog.overdue(at(99_000)), None);
    }

    #[test]
    fn a_mark_with_nothing_before_it_is_fed_at_once() {
        let mut backlog = Backlog::new(RATE, false);
        backlog.mark("now".into());
        assert_eq!(backlog.feed(at(0)), [Feed::Mark(MarkId(1))]);
    }

    #[test]
    fn clear_gives_every_mark_back_in_order_and_begins_anew() {
        let mut backlog = Backlog::new(RATE, false);
        for n in 0..40 {
            backlog.push(vec![0; 80]);
            backlog.mark(format!("m{n}"));
        }
        backlog.feed(at(0));
        let names: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
        assert_eq!(backlog.clear(at(10)), names);
        assert!(backlog.feed(at(20)).is_empty());
        backlog.push(vec![1; 160]);
        assert_eq!(audio(&backlog.feed(at(20))), 640);
        assert_eq!(backlog.marked(MarkId(1)), None, "answered before");
    }

    #[test]
    fn media_holds_only_a_few_marks_at_a_time() {
        let mut backlog = Backlog::new(RATE, false);
        for n in 0..2_000 {
            assert_eq!(backlog.mark(n.to_string()), n < 1_024);
        }
        assert_eq!(backlog.feed(at(0)).len(), 16);
        assert!(backlog.feed(at(20)).is_empty());
        backlog.marked(MarkId(3));
        assert_eq!(backlog.feed(at(40)), [Feed::Mark(MarkId(17))]);
    }

    #[test]
    fn a_flood_is_bounded_and_in_real_time_the_latest_is_what_is_heard() {
        let mut backlog = Backlog::new(RATE, false);
        (0..500).for_each(|_| backlog.push(vec![0; 8_000]));
        assert_eq!((backlog.waiting, backlog.lost()), (960_000, 380 * 8_000));
        let mut backlog = Backlog::new(RATE, true);
        backlog.push((0..16_000).map(|n| n as i16).collect());
        backlog.mark("end".into());
        assert_eq!(backlog.lost(), 16_000 - 3_200);
        let feeds = backlog.feed(at(0));
        let Feed::Audio(first) = &feeds[0] else { panic!("{feeds:?}") };
        assert_eq!(first[160], (16_000 - 3_200) as i16, "behind its cushion");
    }
}
