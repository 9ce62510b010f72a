//! INFO memory.

use std::sync::atomic::Ordering::Relaxed;

use config::id;

use super::seen::{Seen, quotient};
use super::{Field, fact, fixed, human, number, ratio, text_of};

fn rss(seen: &Seen<'_>) -> u64 {
    seen.fact_number("used_memory_rss")
}

fn allocated(seen: &Seen<'_>) -> u64 {
    seen.fact_number("allocator_allocated")
}

fn active(seen: &Seen<'_>) -> u64 {
    seen.fact_number("allocator_active")
}

fn resident(seen: &Seen<'_>) -> u64 {
    seen.fact_number("allocator_resident")
}

fn replicas(seen: &Seen<'_>) -> u64 {
    seen.clients.replica_bytes
}

fn eval_state(seen: &Seen<'_>) -> u64 {
    seen.engine.scripts.eval_states_bytes() as u64
}

fn function_state(seen: &Seen<'_>) -> u64 {
    seen.engine.scripts.function_state_bytes.load(Relaxed) as u64
}

fn all_states(seen: &Seen<'_>) -> u64 {
    eval_state(seen) + function_state(seen)
}

/// How many scripts EVALSHA finds, and their bytes.
fn scripts(seen: &Seen<'_>) -> (u64, u64) {
    let (count, bytes) = seen.engine.scripts.cached();
    (count as u64, bytes as u64)
}

fn libraries(seen: &Seen<'_>) -> u64 {
    seen.engine.scripts.library_bytes.load(Relaxed) as u64
}

fn all_scripts(seen: &Seen<'_>) -> u64 {
    scripts(seen).1 + libraries(seen)
}

fn maxmemory(seen: &Seen<'_>) -> u64 {
    seen.engine.settings.memory.max_bytes() as u64
}

impl Seen<'_> {
    /// Parts of pages that the allocator holds and nobody uses: ratio and bytes, as those below.
    /// Bytes may be negative: memory that is swapped out is not resident.
    pub fn allocator_fragmentation(&self) -> (f64, i64) {
        (quotient(active(self), allocated(self)), active(self) as i64 - allocated(self) as i64)
    }

    /// Pages that the allocator has not given back.
    pub fn allocator_rss(&self) -> (f64, i64) {
        (quotient(resident(self), active(self)), resident(self) as i64 - active(self) as i64)
    }

    /// Resident memory that is not the allocator's: code, stacks.
    pub fn rss_overhead(&self) -> (f64, i64) {
        (quotient(rss(self), resident(self)), rss(self) as i64 - resident(self) as i64)
    }

    /// Resident memory against what was asked for.
    pub fn fragmentation(&self) -> (f64, i64) {
        (quotient(rss(self), self.memory.used), rss(self) as i64 - self.memory.used as i64)
    }
}

pub(super) const MEMORY: &[Field] = &[
    number("used_memory", "Bytes the allocator has handed out.", |s| s.memory.used),
    human("used_memory_human", "The same, for people.", |s| s.memory.used),
    number("used_memory_rss", "Bytes resident, as the operating system counts.", rss),
    human("used_memory_rss_human", "The same, for people.", rss),
    number("used_memory_peak", "Most bytes ever in use.", |s| s.memory.peak),
    human("used_memory_peak_human", "The same, for people.", |s| s.memory.peak),
    text_of("used_memory_peak_perc", "Use now, in percent of the peak.", |s| {
        format!("{:.2}%", s.peak_percent())
    }),
    number("used_memory_overhead", "Bytes that are not data: server, index, buffers.", |s| {
        s.overhead()
    }),
    number("used_memory_startup", "Bytes in use when the server had started.", |s| {
        s.memory.startup
    }),
    number("used_memory_dataset", "Bytes of data: what is not overhead.", |s| s.dataset()),
    text_of(
        "used_memory_dataset_perc",
        "Data in percent of what was added since the start.",
        |s| format!("{:.2}%", s.dataset_percent()),
    ),
    number("allocator_allocated", "Bytes the allocator says it handed out.", allocated),
    number("allocator_active", "Bytes of pages that are in use.", active),
    number("allocator_resident", "Bytes of pages the allocator holds resident.", resident),
    fact("allocator_muzzy", "Bytes given back to the system but still mapped.", "0"),
    fact("total_system_memory", "Bytes of memory in the machine.", "0"),
    human("total_system_memory_human", "The same, for people.", |s| {
        s.fact_number("total_system_memory")
    }),
    number("used_memory_lua", "Bytes of the interpreter of EVAL.", eval_state),
    number("used_memory_vm_eval", "The same.", eval_state),
    human("used_memory_lua_human", "The same, for people.", eval_state),
    number("used_memory_scripts_eval", "Bytes of cached scripts.", |s| scripts(s).1),
    number("number_of_cached_scripts", "Scripts in the cache of EVALSHA.", |s| scripts(s).0),
    number("number_of_functions", "Functions loaded.", |s| {
        s.engine.scripts.function_count.load(Relaxed) as u64
    }),
    number("number_of_libraries", "Libraries loaded.", |s| {
        s.engine.scripts.library_count.load(Relaxed) as u64
    }),
    number("used_memory_vm_functions", "Bytes of the interpreter of functions.", function_state),
    number("used_memory_vm_total", "Bytes of all interpreters.", all_states),
    human("used_memory_vm_total_human", "The same, for people.", all_states),
    number("used_memory_functions", "Bytes of loaded libraries.", libraries),
    number("used_memory_scripts", "Bytes of scripts and libraries.", all_scripts),
    human("used_memory_scripts_human", "The same, for people.", all_scripts),
    number("maxmemory", "The limit, in bytes.", maxmemory),
    human("maxmemory_human", "The same, for people.", maxmemory),
    text_of("maxmemory_policy", "Option `maxmemory-policy`.", |s| {
        s.config.choice(id::MAXMEMORY_POLICY).into()
    }),
    ratio("allocator_frag_ratio", "Pages in use against bytes handed out.", |s| {
        s.allocator_fragmentation().0
    }),
    text_of("allocator_frag_bytes", "Their difference.", |s| {
        s.allocator_fragmentation().1.to_string()
    }),
    ratio("allocator_rss_ratio", "Resident pages against pages in use.", |s| s.allocator_rss().0),
    text_of("allocator_rss_bytes", "Their difference.", |s| s.allocator_rss().1.to_string()),
    ratio("rss_overhead_ratio", "The process's memory against the allocator's.", |s| {
        s.rss_overhead().0
    }),
    text_of("rss_overhead_bytes", "Their difference.", |s| s.rss_overhead().1.to_string()),
    ratio("mem_fragmentation_ratio", "Resident memory against memory in use.", |s| {
        s.fragmentation().0
    }),
    text_of("mem_fragmentation_bytes", "Their difference.", |s| s.fragmentation().1.to_string()),
    number("mem_not_counted_for_evict", "Bytes that `maxmemory` leaves out.", replicas),
    fixed("mem_replication_backlog", "Bytes of the replication backlog.", "0"),
    number("mem_total_replication_buffers", "Bytes of all buffers for replicas.", replicas),
    fixed("mem_replica_full_sync_buffer", "Bytes a replica keeps during a full sync.", "0"),
    number("mem_clients_slaves", "Bytes held for replicas.", replicas),
    number("mem_clients_normal", "Bytes held for clients.", |s| {
        s.clients.bytes - s.clients.replica_bytes
    }),
    fixed("mem_cluster_links", "Bytes held for the cluster's bus.", "0"),
    fixed("mem_aof_buffer", "Bytes not yet handed to the append only file.", "0"),
    fact("mem_allocator", "Name and version of the allocator.", "jemalloc"),
    fixed("mem_overhead_db_hashtable_rehashing", "Bytes of second tables; there are none.", "0"),
    fixed("active_defrag_running", "Effort of active defragmentation, in percent.", "0"),
    number("lazyfree_pending_objects", "Objects waiting to be freed in the background.", |s| {
        s.engine.lazyfree.pending()
    }),
    number("lazyfreed_objects", "Objects freed in the background.", |s| s.engine.lazyfree.freed()),
];
