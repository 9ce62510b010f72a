//! The client's errors: every text in one place, in Redis's words where clients match on them.

use std::borrow::Cow;

use acl::Denied;

/// An error reply without the leading `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmdError(pub Cow<'static, str>);

pub type CmdResult = Result<(), CmdError>;

/// Errors whose text never varies.
macro_rules! fixed {
    ($($name:ident = $text:literal;)*) => {
        impl CmdError {
            $(pub const $name: CmdError = CmdError(Cow::Borrowed($text));)*
        }
        /// Name and text of each, for the golden test.
        pub const FIXED: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

fixed! {
    SYNTAX = "ERR syntax error";
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    NOT_INTEGER = "ERR value is not an integer or out of range";
    NOT_FLOAT = "ERR value is not a valid float";
    OVERFLOW = "ERR increment or decrement would overflow";
    DECREMENT_OVERFLOW = "ERR decrement would overflow";
    NAN_OR_INFINITY = "ERR increment would produce NaN or Infinity";
    INCREMENT_NOT_INTEGER = "ERR Increment is not an integer or out of range";
    INCREMENT_NOT_FLOAT = "ERR Increment is not a valid float";
    LBOUND_NOT_INTEGER = "ERR LBOUND is not an integer or out of range";
    LBOUND_NOT_FLOAT = "ERR LBOUND is not a valid float";
    UBOUND_NOT_INTEGER = "ERR UBOUND is not an integer or out of range";
    UBOUND_NOT_FLOAT = "ERR UBOUND is not a valid float";
    BOUNDS_CROSSED = "ERR LBOUND can't be greater than UBOUND";
    INCREMENT_INFINITE = "ERR BYFLOAT increment cannot be Infinity";
    VALUE_INFINITE = "ERR value cannot be Infinity";
    APPLIED_OVERFLOW = "ERR applied increment would overflow";
    APPLIED_INFINITE = "ERR applied increment would be Infinity";
    ENX_WITHOUT_EXPIRE = "ERR ENX flag requires an expiration";
    DELEX_CONDITION = "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE";
    DELEX_NOT_STRING = "ERR Key should be of string type if conditions are specified";
    NUMKEYS = "ERR invalid numkeys value or out of range";
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    NEGATIVE_NUMKEYS = "ERR Number of keys can't be negative";
    BAD_NUMKEYS = "ERR Bad number of keys provided";
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    NO_FUNCTION = "ERR Function not found";
    NO_LIBRARY = "ERR Library not found";
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    BUSY_SCRIPT = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    SCRIPT_MAY_WRITE = "ERR Can not execute a script with write flag using *_ro command.";
    SCRIPT_MISCONF = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts.";
    SCRIPT_OOM = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";
    SCRIPT_FLUSH_MODE = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
    FUNCTION_FLUSH_MODE = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option";
    SCRIPT_DEBUG_MODE = "ERR Use SCRIPT DEBUG YES/SYNC/NO";
    NO_DEBUGGER = "ERR This server has no script debugger";
    RESTORE_POLICY = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
    FUNCTION_CODE_MISSING = "ERR Function code is missing";
    LIBRARY_NAME_MISSING = "ERR library name argument was not given";
    FUNCTION_PAYLOAD = "ERR DUMP payload version or checksum are wrong";
    NOT_A_FUNCTION = "ERR given type is not a function";
    BAD_FUNCTION_PAYLOAD = "ERR failed loading the given functions payload";
    TOO_MANY_NUMKEYS = "ERR Number of keys can't be greater than number of args";
    LIMIT_NEGATIVE = "ERR LIMIT can't be negative";
    KEY_VALUE_PAIRS = "ERR wrong number of key-value pairs";
    LCS_NOT_STRINGS = "ERR The specified keys must contain string values";
    LCS_LEN_AND_IDX = "ERR If you want both the length and indexes, please just use IDX.";
    LCS_TOO_LONG = "ERR String too long for LCS";
    LCS_MEMORY = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    LOG_COUNT = "ERR count should be greater than or equal to -1";
    LOG_KIND = "ERR type should be one of the following: slow, large-request, large-reply";
    HOTKEYS_STARTED = "ERR hotkey tracking session already in progress";
    HOTKEYS_RUNNING = "ERR hotkey tracking session in progress, stop tracking first";
    HOTKEYS_METRICS = "ERR METRICS parameter is required";
    HOTKEYS_METRICS_COUNT = "ERR METRICS count must be > 0 and <= 2";
    HOTKEYS_METRICS_MISMATCH = "ERR METRICS count does not match number of metric types provided";
    HOTKEYS_CPU_TWICE = "ERR METRICS CPU defined more than once!";
    HOTKEYS_NET_TWICE = "ERR METRICS NET defined more than once!";
    HOTKEYS_NO_METRIC = "ERR METRICS no valid metrics passed. Supported: CPU|NET";
    HOTKEYS_COUNT = "ERR COUNT must be between 1 and 64";
    HOTKEYS_DURATION = "ERR DURATION must be between 1 and 1000000";
    HOTKEYS_SAMPLE = "ERR SAMPLE ratio must be positive";
    HOTKEYS_SLOTS = "ERR SLOTS parameter cannot be used in non-cluster mode";
    PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    REDIRECT_TWICE = "ERR A client can only redirect to a single other client";
    NO_REDIRECT_TARGET = "ERR The client ID you want redirect to does not exist";
    PREFIX_WITHOUT_BCAST = "ERR PREFIX option requires BCAST mode to be enabled";
    BCAST_SWITCHED = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
    BCAST_AND_OPT = "ERR OPTIN and OPTOUT are not compatible with BCAST";
    OPTIN_AND_OPTOUT = "ERR You can't specify both OPTIN mode and OPTOUT mode";
    OPT_SWITCHED = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
    NOT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    CACHING_YES = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    CACHING_NO = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
    MONITOR_IN_MULTI = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    NO_SUCH_KEY = "ERR no such key";
    REWRITE_RUNS = "ERR Background append only file rewriting already in progress";
    WAITAOF_OFF = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    NUMLOCAL = "ERR value is out of range, value must between 0 and 1";
    AOF_NOT_ON = "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.";
    AOF_OFF = "ERR there is no append only file: appendonly was off when the server started, and since";
    BUSY_KEY = "BUSYKEY Target key name already exists.";
    DUMP_PAYLOAD = "ERR DUMP payload version or checksum are wrong";
    BAD_DATA = "ERR Bad data format";
    INVALID_TTL = "ERR Invalid TTL value, must be >= 0";
    INVALID_IDLE_TIME = "ERR Invalid IDLETIME value, must be >= 0";
    INVALID_FREQUENCY = "ERR Invalid FREQ value, must be >= 0 and <= 255";
    OUT_OF_RANGE = "ERR index out of range";
    LONG_RANGE = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    RANK_ZERO = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    COUNT_NEGATIVE = "ERR COUNT can't be negative";
    MAXLEN_NEGATIVE = "ERR MAXLEN can't be negative";
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    DB_OUT_OF_RANGE = "ERR DB index is out of range";
    INVALID_DB = "ERR invalid DB index";
    SAME_OBJECT = "ERR source and destination objects are the same";
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    BIT_OFFSET = "ERR bit offset is not an integer or out of range";
    BIT_VALUE = "ERR bit is not an integer or out of range";
    BITFIELD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    BITFIELD_OVERFLOW = "ERR Invalid OVERFLOW type specified";
    BITFIELD_RO = "ERR BITFIELD_RO only supports the GET subcommand";
    BITOP_NOT = "ERR BITOP NOT must be called with a single source key.";
    BIT_ARGUMENT = "ERR The bit argument must be 1 or 0.";
    INVALID_DIGEST = "ERR must be exactly 16 hexadecimal characters";
    SORT_NOT_NUMBERS = "ERR One or more scores can't be converted into double";
    INVALID_CURSOR = "ERR invalid cursor";
    EXPIRE_NX_EXCLUDES = "ERR NX and XX, GT or LT options at the same time are not compatible";
    EXPIRE_GT_OR_LT = "ERR GT and LT options at the same time are not compatible";
    ONLY_HSCAN_NOVALUES = "ERR NOVALUES option can only be used in HSCAN";
    VALUE_OUT_OF_RANGE = "ERR value is out of range";
    HASH_NOT_INTEGER = "ERR hash value is not an integer";
    HASH_NOT_FLOAT = "ERR hash value is not a float";
    VALUE_NAN_OR_INFINITY = "ERR value is NaN or Infinity";
    FIELDS_MISSING = "ERR Mandatory argument FIELDS is missing or not at the right position";
    NUMFIELDS_MISMATCH = "ERR The `numfields` parameter must match the number of arguments";
    NUMFIELDS_NOT_POSITIVE = "ERR Number of fields must be a positive integer";
    NUMFIELDS_ZERO = "ERR Parameter `numFields` should be greater than 0";
    NUMFIELDS_INVALID = "ERR invalid number of fields";
    EXPIRE_NEGATIVE = "ERR invalid expire time, must be >= 0";
    EXPIRE_MISSING = "ERR missing expire time";
    FIELD_EXPIRES_ONCE = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    FXX_AND_FNX = "ERR Only one of FXX or FNX arguments can be specified";
    NO_FIELDSET = "ERR no such fieldset";
    FIELDSET_COUNT = "ERR value count does not match fieldset field count";
    FIELDSET_DUPLICATE = "ERR duplicate field name in fieldset";
    NO_IDLE_TIME = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    NO_FREQUENCY = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    NOT_HLL = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    CORRUPT_HLL = "INVALIDOBJ Corrupted HLL object detected";
    HLL_NO_KEY = "ERR The specified key does not exist";
    HLL_NOT_SPARSE = "ERR HLL encoding is not sparse";
    NOT_ON_OR_OFF = "ERR Argument must be ON or OFF";
    XX_AND_NX = "ERR XX and NX options at the same time are not compatible";
    GT_LT_NX = "ERR GT, LT, and/or NX options at the same time are not compatible";
    INCR_ONE_PAIR = "ERR INCR option supports a single increment-element pair";
    SCORE_NAN = "ERR resulting score is not a number (NaN)";
    MIN_MAX_NOT_FLOAT = "ERR min or max is not a float";
    MIN_MAX_NOT_LEX = "ERR min or max not valid string range item";
    LIMIT_BY_RANK = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    WITHSCORES_BYLEX = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    WEIGHT_NOT_FLOAT = "ERR weight value is not a float";
    COUNT_NOT_POSITIVE = "ERR count should be greater than 0";
    SORT_BY_DENIED = "ERR BY option of SORT denied due to insufficient ACL permissions.";
    SORT_GET_DENIED = "ERR GET option of SORT denied due to insufficient ACL permissions.";
    GEO_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI";
    RADIUS_NOT_FLOAT = "ERR need numeric radius";
    RADIUS_NEGATIVE = "ERR radius cannot be negative";
    WIDTH_NOT_FLOAT = "ERR need numeric width";
    HEIGHT_NOT_FLOAT = "ERR need numeric height";
    BOX_NEGATIVE = "ERR height or width cannot be negative";
    VERTICES_NOT_INTEGER = "ERR invalid number of vertices";
    TOO_FEW_VERTICES = "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices";
    GEO_COUNT_NOT_POSITIVE = "ERR COUNT must be > 0";
    ANY_WITHOUT_COUNT = "ERR the ANY argument requires COUNT argument";
    NO_SUCH_GEO_MEMBER = "ERR could not decode requested zset member";
    GEORADIUS_STORE_WITH = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    GEOSEARCHSTORE_WITH = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    NO_AUTH = "NOAUTH Authentication required.";
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    NO_PASSWORD_SET = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    DEFAULT_USER_STAYS = "ERR The 'default' user cannot be removed";
    NO_ACL_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
    ACL_NOT_SAVED = "ERR There was an error trying to save the ACLs. Please check the server logs for more information";
    GENPASS_BITS = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
    NO_PROTO = "NOPROTO unsupported protocol version";
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    TIMEOUT_NOT_FLOAT = "ERR timeout is not a float or out of range";
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    NOT_IN_MULTI = "ERR Command not allowed inside a transaction";
    LOADING = "LOADING Redis is loading the dataset in memory";
    BACKGROUND_SAVE_RUNS = "ERR Background save already in progress";
    SNAPSHOT_RUNS = "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
    BACKUP_RUNS = "ERR A backup is already in progress";
    BACKUP_SEALED = "ERR A sealed backup is there: copy it, then remove it with BACKUP CLEANUP";
    BACKUP_DIR_NOT_EMPTY = "ERR The directory of backups (backupdirname) is not empty";
    NO_BACKGROUND_SAVE = "ERR Background saving is currently not in progress or scheduled";
    MISCONF = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    OOM = "OOM command not allowed when used memory > 'maxmemory'.";
    INVALID_FIRST_DB = "ERR invalid first DB index";
    INVALID_SECOND_DB = "ERR invalid second DB index";
    NO_SHUTDOWN = "ERR No shutdown in progress.";
    SHUTDOWN_FAILED = "ERR Errors trying to SHUTDOWN. Check logs.";
    MODULE_NOT_ALLOWED = "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    MODULE_NOT_LOADED = "ERR Error loading the extension. Please check the server logs.";
    NO_SUCH_MODULE = "ERR Error unloading module: no such module with that name";
    NO_CLUSTER = "ERR This instance has cluster support disabled";
    DEBUG_NOT_ALLOWED = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    STREAM_START_ID = "ERR invalid start ID for the interval";
    STREAM_END_ID = "ERR invalid end ID for the interval";
    XADD_ZERO_ID = "ERR The ID specified in XADD must be greater than 0-0";
    XADD_SMALL_ID = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    XADD_NO_ID_LEFT = "ERR The stream has exhausted the last possible ID, unable to add more items";
    XADD_TOO_LARGE = "ERR Elements are too large to be stored";
    TRIM_MAXLEN_AND_MINID = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    TRIM_MAXLEN = "ERR The MAXLEN argument must be >= 0.";
    TRIM_LIMIT = "ERR The LIMIT argument must be >= 0.";
    TRIM_LIMIT_ALONE = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    TRIM_LIMIT_EXACT = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    XTRIM_WITHOUT_STRATEGY = "ERR syntax error, XTRIM must be called with a trimming strategy";
    IDMP_TWICE = "ERR syntax error, IDMP/IDMPAUTO specified multiple times";
    IDMPAUTO_NO_PRODUCER = "ERR syntax error, IDMPAUTO requires a non-empty producer ID";
    IDMP_NO_PRODUCER = "ERR syntax error, IDMP requires a non-empty producer ID";
    IDMP_NO_ID = "ERR syntax error, IDMP requires a non-empty idempotent ID";
    IDMP_WITH_ID = "ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs";
    IDMP_DURATION = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
    IDMP_DURATION_TWICE = "ERR IDMP-DURATION specified multiple times";
    IDMP_MAXSIZE = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
    IDMP_MAXSIZE_TWICE = "ERR IDMP-MAXSIZE specified multiple times";
    XCFGSET_NOTHING = "ERR At least one parameter must be specified";
    IDMP_PRODUCER_EMPTY = "ERR producer ID must be non-empty";
    IDMP_ID_EMPTY = "ERR idempotent ID must be non-empty";
    NO_SUCH_MESSAGE = "ERR No such message in stream";
    IDMP_OTHER_ENTRY = "ERR IID already exists for this producer with a different stream ID";
    XREAD_GROUP = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_NOACK = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_CLAIM = "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_NEW_ID = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    XREADGROUP_WITHOUT_GROUP = "ERR Missing GROUP option for XREADGROUP";
    XREADGROUP_LAST_ID = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.";
    XREADGROUP_TOP_ID = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.";
    XREAD_MAXCOUNT = "ERR MAXCOUNT must be a positive integer";
    XREAD_MAXSIZE = "ERR MAXSIZE must be a positive integer";
    XREAD_MAXCOUNT_BELOW_COUNT = "ERR MAXCOUNT must be greater than or equal to COUNT";
    MIN_IDLE_NOT_INTEGER = "ERR min-idle-time is not an integer or out of range";
    MIN_IDLE_NEGATIVE = "ERR min-idle-time must be a positive integer";
    XCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XCLAIM";
    XCLAIM_IDLE = "ERR Invalid IDLE option argument for XCLAIM";
    XCLAIM_TIME = "ERR Invalid TIME option argument for XCLAIM";
    XCLAIM_RETRYCOUNT = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
    XAUTOCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    XAUTOCLAIM_COUNT = "ERR COUNT must be > 0";
    XGROUP_NO_KEY = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    BUSY_GROUP = "BUSYGROUP Consumer Group name already exists";
    ENTRIES_READ = "ERR value for ENTRIESREAD must be positive or -1";
    ENTRIES_ADDED = "ERR entries_added must be positive";
    XSETID_BELOW_MAX_DELETED = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    XSETID_BELOW_DELETED = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    XSETID_BELOW_TOP = "ERR The ID specified in XSETID is smaller than the target stream top item";
    XSETID_BELOW_LENGTH = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    IDS_COUNT = "ERR Number of IDs must be a positive integer";
    IDS_MISMATCH = "ERR The `numids` parameter must match the number of arguments";
    IDS_MISSING = "ERR IDS option is required";
    XNACK_MODE = "ERR mode must be SILENT, FAIL, or FATAL";
    XNACK_NUMIDS = "ERR numids must be a positive integer";
    XNACK_MISMATCH = "ERR number of IDs doesn't match numids";
    XNACK_RETRYCOUNT = "ERR Invalid RETRYCOUNT value, must be >= 0";
    XNACK_WITHOUT_IDS = "ERR syntax error, expected IDS keyword";
    TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    MAX_CLIENTS = "ERR max number of clients reached";
    HELLO_NO_AUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    PROTOCOL_NOT_INTEGER = "ERR Protocol version is not an integer or out of range";
    CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    NO_SUCH_CLIENT = "ERR No such client";
    CLIENT_ID = "ERR Invalid client ID";
    CLIENT_ID_NOT_POSITIVE = "ERR client-id should be greater than 0";
    NOT_IMPORTING = "ERR Server is not in import mode";
    PROTECTED_MODE = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.";
}

impl CmdError {
    /// An error whose text is put together; it begins with its code, such as `ERR`.
    pub fn text(text: impl Into<String>) -> CmdError {
        CmdError(Cow::Owned(text.into()))
    }

    /// What is wrong with a script or a library.
    pub fn script(why: &str) -> CmdError {
        CmdError::text(format!("ERR {}", why.replace(['\r', '\n'], " ")))
    }

    /// An option of FUNCTION LOAD that there is not.
    pub fn unknown_load_option(option: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unknown option given: {}", lossy(option)))
    }

    /// An argument of FUNCTION LIST that there is not.
    pub fn unknown_list_argument(argument: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unknown argument {}", lossy(argument)))
    }

    /// On a connection that has subscribed.
    pub fn only_listens(name: &str) -> CmdError {
        CmdError::text(format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
             RESET are allowed in this context"
        ))
    }

    /// `name` is the full name in small letters, subcommands as `config|get`.
    pub fn wrong_arity(name: &str) -> CmdError {
        CmdError::text(format!("ERR wrong number of arguments for '{name}' command"))
    }

    /// Of a script that says what it needs.
    pub fn script_aof_broken(why: &str) -> CmdError {
        CmdError::text(format!(
            "MISCONF Redis is configured to persist data to AOF, but it's currently unable to \
             persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only \
             scripts. AOF error: {why}"
        ))
    }

    /// The directory of a backup cannot be used, in the system's words.
    pub fn backup_dir(why: &str) -> CmdError {
        CmdError::text(format!("ERR The backup can't be written or removed: {why}"))
    }

    /// SEAL or ABORT without a backup under way.
    pub fn backup_not_open(state: &str) -> CmdError {
        CmdError::text(format!("ERR No backup is open: its state is {state}"))
    }

    /// CLEANUP without one that has ended.
    pub fn backup_not_sealed(state: &str) -> CmdError {
        CmdError::text(format!("ERR No backup is sealed: its state is {state}"))
    }

    /// The append only file does not take what was written before.
    pub fn aof_broken(why: &str) -> CmdError {
        CmdError::text(format!("MISCONF Errors writing to the AOF file: {why}"))
    }

    /// The command does not exist: shows the beginning of the arguments, as Redis does.
    pub fn unknown_command<'a>(name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> CmdError {
        const SHOWN_BYTES: usize = 128;
        let mut shown = String::new();
        for arg in args {
            if shown.len() >= SHOWN_BYTES {
                break;
            }
            let room = SHOWN_BYTES - shown.len();
            shown.push_str(&format!("'{}' ", Shown(arg, room)));
        }
        CmdError::text(format!(
            "ERR unknown command '{}', with args beginning with: {shown}",
            Shown(name, SHOWN_BYTES)
        ))
    }

    /// EXEC was refused for `reason`.
    pub fn exec_refused(reason: &CmdError) -> CmdError {
        let reason = reason.0.strip_prefix("ERR ").unwrap_or(&reason.0);
        CmdError::text(format!("EXECABORT Transaction discarded because of: {reason}"))
    }

    /// When it was queued it was allowed.
    pub fn no_longer_permitted(denied: Denied) -> CmdError {
        let reason = match denied {
            Denied::Command => "no permission to execute the command or subcommand",
            Denied::Key(_) => "no permission to touch the specified keys",
            Denied::Channel(_) => "no permission to access one of the channels used as arguments",
            Denied::Database(_) => "no permission to access the database",
        };
        CmdError::text(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
             EXEC call. This command is no longer allowed for the following reason: {reason}"
        ))
    }

    pub fn unknown_subcommand(container: &str, sub: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR unknown subcommand '{}'. Try {} HELP.",
            Shown(sub, 128),
            container.to_uppercase()
        ))
    }

    /// A subcommand that is no declaration of its own: unknown, or called wrongly.
    pub fn subcommand_syntax(container: &str, sub: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try {} HELP.",
            Shown(sub, 128),
            container.to_uppercase()
        ))
    }

    /// A command that combines sets was given none.
    pub fn no_input_key(command: &str) -> CmdError {
        CmdError::text(format!("ERR at least 1 input key is needed for '{command}' command"))
    }

    pub fn invalid_expire(command: &str) -> CmdError {
        CmdError::text(format!("ERR invalid expire time in '{command}' command"))
    }

    /// An argument that is an integer, but not one of those allowed here.
    pub fn not_between(low: i64, high: i64) -> CmdError {
        CmdError::text(format!("ERR value is out of range, value must between {low} and {high}"))
    }

    /// EXPIRE's and its siblings' only complaint about a word.
    pub fn unsupported_option(option: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unsupported option {}", Shown(option, 128)))
    }

    pub fn unknown_argument(argument: &[u8]) -> CmdError {
        CmdError::text(format!("ERR unknown argument: {}", Shown(argument, 128)))
    }

    /// BITOP with an operation that compares one source with the others, and no others.
    pub fn bitop_needs_two(operation: &str) -> CmdError {
        CmdError::text(format!(
            "ERR BITOP {operation} must be called with at least two source keys."
        ))
    }

    pub fn no_such_place(longitude: f64, latitude: f64) -> CmdError {
        CmdError::text(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    }

    /// `command` is GEOSEARCH's name as the client wrote it.
    pub fn one_center(command: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {}",
            Shown(command, 128)
        ))
    }

    /// `command` is GEOSEARCH's name as the client wrote it.
    pub fn one_shape(command: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR exactly one of BYRADIUS and BYBOX can be specified for {}",
            Shown(command, 128)
        ))
    }

    pub fn unknown_pfdebug(subcommand: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unknown PFDEBUG subcommand '{}'", Shown(subcommand, 128)))
    }

    pub fn hello_option(option: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Syntax error in HELLO option '{}'", lossy(option)))
    }

    pub fn client_attribute(name: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR {} cannot contain spaces, newlines or special characters.",
            lossy(name)
        ))
    }

    pub fn unrecognized_option(option: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unrecognized option '{}'", lossy(option)))
    }

    pub fn unknown_client_type(name: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unknown client type '{}'", lossy(name)))
    }

    /// `whose` says where the other comes from.
    pub fn prefixes_overlap(prefix: &[u8], whose: &str, other: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR Prefix '{}' overlaps with {whose} prefix '{}'. Prefixes for a single client must \
             not overlap.",
            lossy(prefix),
            lossy(other)
        ))
    }

    /// `event` is one of the latency monitor's, or would be.
    pub fn no_samples(event: &[u8]) -> CmdError {
        CmdError::text(format!("ERR No samples available for event '{}'", lossy(event)))
    }

    /// `what` is `User` or `Command`.
    pub fn not_found(what: &str, name: &[u8]) -> CmdError {
        CmdError::text(format!("ERR {what} '{}' not found", lossy(name)))
    }

    pub fn unknown_category(name: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unknown category '{}'", Shown(name, 128)))
    }

    pub fn no_such_user(name: &[u8]) -> CmdError {
        CmdError::text(format!("ERR No such user '{}'", lossy(name)))
    }

    /// `what` is a filter of CLIENT LIST.
    pub fn not_integer(what: &str) -> CmdError {
        CmdError::text(format!("ERR {what} is not an integer or out of range"))
    }

    /// `what` is a count, such as `numkeys`, or a filter of CLIENT LIST.
    pub fn not_above_zero(what: &str) -> CmdError {
        CmdError::text(format!("ERR {what} should be greater than 0"))
    }

    /// `what` is `DB` or `NOT-DB`, `last` the highest number there is.
    pub fn db_not_between(what: &str, last: usize) -> CmdError {
        CmdError::text(format!("ERR {what} number should be between 0 and {last}"))
    }

    /// `letters` are `flags` or `capa`; `filter` is how the filter is called in the text.
    pub fn unknown_letters(letters: &str, filter: &str, value: &[u8]) -> CmdError {
        CmdError::text(format!(
            "ERR Unknown {letters} found in the {filter} filter: {}",
            lossy(value)
        ))
    }

    /// The key or the group is missing.
    pub fn no_group(key: &[u8], group: &[u8]) -> CmdError {
        CmdError::text(format!(
            "NOGROUP No such key '{}' or consumer group '{}'",
            lossy(key),
            lossy(group)
        ))
    }

    /// As [`CmdError::no_group`], of XREADGROUP.
    pub fn no_group_to_read(key: &[u8], group: &[u8]) -> CmdError {
        CmdError::text(format!(
            "{} in XREADGROUP with GROUP option",
            CmdError::no_group(key, group).0
        ))
    }

    /// The key is there, the group is missing.
    pub fn no_group_of_key(key: &[u8], group: &[u8]) -> CmdError {
        CmdError::text(format!(
            "NOGROUP No such consumer group '{}' for key name '{}'",
            lossy(group),
            lossy(key)
        ))
    }

    /// XREAD or XREADGROUP with more keys than IDs, or the other way round. `ids` are what an ID
    /// may be.
    pub fn unbalanced_streams(command: &str, ids: &str) -> CmdError {
        CmdError::text(format!(
            "ERR Unbalanced '{command}' list of streams: for each stream key an {ids} must be specified."
        ))
    }

    pub fn unrecognized_option_of(command: &str, option: &[u8]) -> CmdError {
        CmdError::text(format!("ERR Unrecognized {command} option '{}'", lossy(option)))
    }

    /// The word errorstats counts it under.
    pub fn code(&self) -> &str {
        let word = self.0.split(' ').next().unwrap_or("ERR");
        if word.is_empty() { "ERR" } else { word }
    }
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Bytes of a client inside an error: at most so many, and nothing that would break the line.
struct Shown<'a>(&'a [u8], usize);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cut = &self.0[..self.0.len().min(self.1)];
        f.write_str(&String::from_utf8_lossy(cut).replace(['\r', '\n'], " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_shows_the_beginning_of_its_arguments() {
        let args: [&[u8]; 2] = [b"a", b"b\nc"];
        let error = CmdError::unknown_command(b"nope", args.into_iter());
        assert_eq!(error.0, "ERR unknown command 'nope', with args beginning with: 'a' 'b c' ");
        assert_eq!(error.code(), "ERR");
        assert_eq!(CmdError::WRONG_TYPE.code(), "WRONGTYPE");
    }

    #[test]
    fn texts_change_only_with_their_golden_file() {
        let texts: Vec<_> = FIXED.iter().map(|(name, text)| format!("{name}: {text}\n")).collect();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/errors.txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(golden, texts.concat()).expect("the golden file can be written");
        }
        let known = std::fs::read_to_string(golden).expect("the golden file is there");
        assert_eq!(texts.concat(), known, "UPDATE=1 cargo test -p engine writes {golden}");
    }

    #[test]
    fn every_fixed_text_begins_with_a_code() {
        for (name, text) in FIXED {
            let code = text.split(' ').next().unwrap();
            assert!(code.chars().all(|c| c.is_ascii_uppercase()), "{name}: {text}");
        }
    }
}
