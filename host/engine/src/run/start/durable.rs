//! The start of a durable run: its outbox, what other runs left in it, and what is written before anything is read.

use super::{Failed, Instance, Opened, Start};
use crate::outbox::{AsideAlert, Cursor, HeldAlert, Outbox};
use crate::run::alerts::grouped;
use crate::run::barrier::{Arrival, StageState};
use crate::run::chain::failure;
use crate::run::publishers::Publishers;
use crate::run::save_point::{SavePoint, SavedStatus, forget, state_name};
use crate::run::saver::{Durable, closed_alerts, put_states};
use crate::spec::SavesSpec;
use crate::store::{Store, StoreError, Topic, Write};
use campanile_sdk::proxy::AlertOut;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The value that tells the outbox of this store from all others.
const IDENTITY: &str = "outbox/identity";
/// Messages of one read.
const READ_MESSAGES: usize = 1_024;

impl Start<'_> {
    /// Opens the outbox and starts the thread that writes it.
    pub(super) fn open_store(&self, opened: &mut Opened) -> Result<(), Failed> {
        let Some(store) = self.options.store.as_ref().filter(|_| self.shared.is_durable()) else {
            if self.plan.is_live() && self.options.dry_run.is_none() {
                let message =
                    "a pipeline that never ends keeps what it goes on from after a crash, and there is no store for it";
                return Err(Failed::of_run(message));
            }
            return Ok(());
        };
        let saves = self.plan.spec().saves.clone().unwrap_or_default();
        let mended = store.mended();
        if let Some(mended) = mended {
            self.shared.notice(&mended);
        }
        self.set_strays_aside(&**store).map_err(Failed::of_run)?;
        for (index, stage) in self.shared.stages.iter().enumerate() {
            if let Some(saved) = self.resume.and_then(|resume| resume.stage(index)) {
                stage.metrics.restore(saved.metrics.clone(), &saved.without_row);
            }
        }
        let saved = match self.resume {
            Some(resume) => Some((resume.point().sequence, resume.repeats().map_err(Failed::of_run)?)),
            None => None,
        };
        let shared = Arc::clone(self.shared);
        let trouble = Box::new(move |message: &str| {
            shared.notice(&format!("cannot save for now, it is tried again: {message}"));
        });
        let max_bytes = saves.outbox_bytes.unwrap_or(crate::outbox::DEFAULT_OUTBOX_BYTES);
        let outbox = Outbox::open(Arc::clone(store), max_bytes, saved, trouble).map_err(Failed::of_run)?;
        let outbox = Arc::new(outbox);
        let _ = self.shared.outbox.set(Arc::clone(&outbox));
        for takers in &mut opened.takers {
            *takers = Publishers::Outbox(Arc::clone(&outbox), Vec::new());
        }
        let writing = (Arc::clone(&outbox), Arc::clone(self.shared));
        let writer = std::thread::Builder::new().name("outbox".to_owned()).spawn(move || {
            let (outbox, shared) = writing;
            let written = outbox.run(&|| shared.gives_up_saving());
            written
                .unwrap_or_else(|message| shared.fail_run(format!("what the run keeps cannot be written: {message}")));
        });
        opened.writer = Some(writer.map_err(|error| Failed::of_run(format!("cannot start a thread: {error}")))?);
        opened.durable = Some(Durable { store: Arc::clone(store), outbox });
        Ok(())
    }

    /// Alerts that wait for a publisher which the pipeline does not have any more are set aside: nobody else would take
    /// them, and they would keep the others from leaving.
    fn set_strays_aside(&self, store: &dyn Store) -> Result<(), StoreError> {
        let spec = self.plan.spec();
        for cursor in Cursor::all(store)? {
            if spec.stages.iter().any(|stage| stage.name == cursor.publisher) {
                continue;
            }
            let mut write = Write { remove: vec![Cursor::name(&cursor.publisher)], ..Write::default() };
            let (mut after, mut aside) = (cursor.after(), Vec::new());
            loop {
                let read = store.read(Topic::Alerts, after, READ_MESSAGES)?;
                let Some(last) = read.last() else { break };
                after = Some(last.id);
                for stored in &read {
                    let alert = HeldAlert::from_bytes(&stored.bytes).map_err(StoreError::Failed)?;
                    if cursor.takes(&alert) {
                        let reason = "its publisher is not in the pipeline any more".to_owned();
                        let publisher = cursor.publisher.clone();
                        aside.push(AsideAlert { publisher, reason, time_ms: self.shared.now_ms(), alert }.to_bytes());
                    }
                }
            }
            let publisher = &cursor.publisher;
            if !aside.is_empty() {
                let n = aside.len();
                self.shared
                    .notice(&format!("publisher `{publisher}` is gone: {n} alerts that waited for it are set aside"));
                write.publish.push((Topic::Aside, aside));
            }
            store.write(&write)?;
        }
        Ok(())
    }

    /// Before anything is read: groups are given back, and a run that begins is noted.
    pub(super) fn begin(&self, opened: &mut Opened, instances: &mut [Vec<Instance>]) -> Result<(), Failed> {
        let Some(durable) = opened.durable.clone() else { return Ok(()) };
        let mut write = Write::default();
        let mut alerts = Vec::new();
        // What begins anew says from where: a crash before the first save point comes back to here.
        let anew = |index: usize| self.resume.is_none_or(|resume| !resume.gives_state(index));
        let mut arrival = Arrival::default();
        for (index, instances) in instances.iter_mut().enumerate().filter(|(index, _)| anew(*index)) {
            for (instance, opened) in instances.iter_mut().enumerate() {
                let Some(stage) = &mut opened.stage else { continue };
                let state = self.inside(index, || stage.snapshot());
                let state = state.map_err(|error| Failed { stage: Some(index), message: failure(&error, None) })?;
                arrival.states.push(StageState { stage: index, instance, state, finished: false });
            }
        }
        match self.resume {
            None => {
                forget(&*durable.store, &mut write).map_err(Failed::of_run)?;
                put_states(&mut write, self.shared, vec![arrival], &mut opened.states);
                alerts.extend(self.begin_alerts(instances, &mut write));
                let standing = durable.outbox.stand_still(|_, _| true);
                let mut point = SavePoint::of(self.plan, self.shared, SavedStatus::Running, &opened.instances);
                point.sequence = standing.sequence;
                point.put(&mut write);
                durable.outbox.save(write, alerts, point.sequence).map_err(Failed::of_run)?;
                return Ok(());
            }
            Some(resume) => {
                for (index, instances) in instances.iter_mut().enumerate() {
                    alerts.extend(self.give_back(opened, index, instances, &mut write)?);
                }
                put_states(&mut write, self.shared, vec![arrival], &mut opened.states);
                let orphans = resume.orphans(self.plan, self.shared.now_ms()).map_err(Failed::of_run)?;
                write.append(orphans.write);
                alerts.extend(orphans.alerts);
                for alert in &alerts {
                    let stage = self.shared.stages.iter().position(|stage| stage.name == alert.stage);
                    if let Some(publishers) = stage.and_then(|stage| opened.takers.get(stage)) {
                        publishers.count(self.shared, 1);
                    }
                }
                if !write.is_empty() || !alerts.is_empty() {
                    durable.outbox.save(write, alerts, resume.point().sequence).map_err(Failed::of_run)?;
                }
                // Of stages that are new in a run that goes on; the next save point knows them.
                for instance in instances.iter_mut().flatten() {
                    let (held, publishers) = instance.alerts.let_held_go();
                    publishers.send(self.shared, held, self.slot);
                }
            }
        }
        Ok(())
    }

    /// What stages raised when they were opened: it is there with the beginning of the run, or not at all.
    fn begin_alerts(&self, instances: &mut [Vec<Instance>], write: &mut Write) -> Vec<AlertOut> {
        let mut alerts = Vec::new();
        let mut changes = Vec::new();
        for instance in instances.iter_mut().flatten() {
            let (held, publishers) = instance.alerts.let_held_go();
            let closed = instance.alerts.close(None).into_iter().collect();
            instance.alerts.changes(&mut changes);
            let closed = closed_alerts(self.shared, closed).into_iter().flat_map(|(_, alerts)| alerts);
            let raised: Vec<AlertOut> = held.into_iter().map(|raised| raised.alert).chain(closed).collect();
            publishers.count(self.shared, raised.len());
            alerts.extend(raised);
        }
        write.set.extend(changes.into_iter().filter_map(|(name, value)| Some((name, value?))));
        alerts
    }

    /// Gives the instances of a stage back what was saved of them.
    fn give_back(
        &self,
        opened: &mut Opened,
        index: usize,
        instances: &mut [Instance],
        write: &mut Write,
    ) -> Result<Vec<AlertOut>, Failed> {
        let mut alerts = Vec::new();
        let Some(resume) = self.resume else { return Ok(alerts) };
        let Some(saved) = resume.stage(index) else { return Ok(alerts) };
        let stage = &self.shared.stages[index];
        if let Some(windows) = &stage.windows {
            windows.restore(&saved.times, saved.closed_until, self.shared.now_ms());
            for instance in instances.iter_mut() {
                instance.alerts.advance(&saved.times);
            }
        }
        opened.states.extend((0..saved.instances).map(|number| state_name(&saved.name, number)));
        let mut groups: Vec<&mut crate::alerts::Groups> =
            instances.iter_mut().filter_map(|instance| instance.alerts.groups()).collect();
        if !groups.is_empty() {
            let fail = |message: String| Failed { stage: Some(index), message };
            let gone = resume.restore_groups(index, &mut groups).map_err(fail)?;
            if let Some(first) = instances.first_mut().filter(|_| !gone.is_empty()) {
                // They stand under other names now: what is removed must be written anew in the same step.
                write.remove.extend(gone);
                let early = first.alerts.groups().map(crate::alerts::Groups::take_early).unwrap_or_default();
                alerts.extend(early.into_iter().map(|group| grouped(self.shared, index, group, false)));
                let mut changes = Vec::new();
                first.alerts.changes(&mut changes);
                write.set.extend(changes.into_iter().filter_map(|(name, value)| Some((name, value?))));
            }
        }
        instances.iter_mut().for_each(|instance| instance.alerts.note_oldest());
        Ok(alerts)
    }

    /// How often a save point is taken.
    pub(in crate::run) fn interval(&self) -> std::time::Duration {
        self.plan.spec().saves.as_ref().and_then(|saves| saves.interval).unwrap_or(SavesSpec::INTERVAL)
    }
}

/// The name under which the alerts of a publisher are numbered: that of no other outbox.
pub(super) fn producer(store: &dyn Store, publisher: &str) -> Result<String, StoreError> {
    use std::hash::{BuildHasher, RandomState};
    let identity = match store.value(IDENTITY)? {
        Some(identity) => String::from_utf8_lossy(&identity).into_owned(),
        None => {
            let half = || RandomState::new().hash_one(SystemTime::now().duration_since(UNIX_EPOCH).ok());
            let identity = format!("{:016x}{:016x}", half(), half());
            let set = vec![(IDENTITY.to_owned(), identity.clone().into_bytes())];
            store.write(&Write { set, ..Write::default() })?;
            identity
        }
    };
    Ok(crate::outbox::named(&format!("outbox/{identity}/"), publisher))
}
