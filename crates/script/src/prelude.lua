-- What scripts find in their globals: the functions of `raw`, which answer (true, results…) or
-- (false, error), made to raise; and what Lua 5.1 has that Luau lacks or does otherwise.
local raw, globals, deprecated_api, for_libraries = ...

local error, type, select, rawget, next = error, type, select, rawget, next
local raw_pcall, raw_xpcall, raw_tostring = pcall, xpcall, tostring
local format, floor, concat, gsub, find = string.format, math.floor, table.concat, string.gsub, string.find
local info = debug.info
local getmetatable, setmetatable, tonumber = getmetatable, setmetatable, tonumber
local freeze, isfrozen = table.freeze, table.isfrozen

-- Errors ------------------------------------------------------------------------------------------

-- Texts of errors as Lua 5.1 has them: { Luau's, its own }.
local texts = {
  { "attempt to modify a readonly table", "Attempt to modify a readonly table" },
  { "attempt to index (%a+) with '.-'", "attempt to index a %1 value" },
  { "attempt to index (%a+) with %a+", "attempt to index a %1 value" },
  { "attempt to perform arithmetic %(%a+%) on nil and %a+", "attempt to perform arithmetic on a nil value" },
  { "attempt to perform arithmetic %(%a+%) on (%a+) and nil", "attempt to perform arithmetic on a nil value" },
  { "attempt to perform arithmetic %(%a+%) on number and (%a+)", "attempt to perform arithmetic on a %1 value" },
  { "attempt to perform arithmetic %(%a+%) on (%a+) and %a+", "attempt to perform arithmetic on a %1 value" },
  { "attempt to perform arithmetic %(%a+%) on (%a+)", "attempt to perform arithmetic on a %1 value" },
  { "attempt to compare (%a+) [<>]=? (%a+)", "attempt to compare %1 with %2" },
  { "attempt to concatenate (%a+) with string", "attempt to concatenate a %1 value" },
  { "attempt to concatenate (%a+) with number", "attempt to concatenate a %1 value" },
  { "attempt to concatenate %a+ with (%a+)", "attempt to concatenate a %1 value" },
  { "'__index' chain too long; possible loop", "loop in gettable" },
  { "'__newindex' chain too long; possible loop", "loop in settable" },
  { "attempt to get length of a? ?(%a+) value", "attempt to get length of a %1 value" },
  { "invalid argument #(%d+) to '(.-)'", "bad argument #%1 to '%2'" },
  { "missing argument #(%d+) to '(.-)' %((%a+) expected%)", "bad argument #%1 to '%2' (%3 expected, got no value)" },
}

local function translate(text)
  for i = 1, #texts do
    local changed, n = gsub(text, texts[i][1], texts[i][2], 1)
    if n > 0 then return changed end
  end
  return text
end

-- The text of an error that was found in here, said where the script called: at `source` and `line`.
local function placed(text, source, line)
  if not find(text, "^prelude:%d+: ") then return text end
  local place = if source then source .. ":" .. line .. ": " else ""
  return (gsub(text, "^prelude:%d+: ", place, 1))
end

-- What pcall of a script sees: the text of an error, also of one that came as {err = text}.
local function caught(ok, err, ...)
  if ok then return true, err, ... end
  local kind = type(err)
  if kind == "table" then
    local text = rawget(err, "err")
    if type(text) == "string" or type(text) == "number" then return false, text end
    return false, err
  end
  if kind == "string" then return false, placed(translate(err), info(3, "sl")) end
  if kind == "userdata" then return false, translate(raw_tostring(err)) end
  return false, err
end

globals.pcall = function(...) return caught(raw_pcall(...)) end

globals.xpcall = function(f, handler, ...)
  if type(handler) ~= "function" then return raw_xpcall(f, handler, ...) end
  return raw_xpcall(f, function(err)
    if type(err) == "string" then err = translate(err) end
    return handler(err)
  end, ...)
end

-- Raises what a function of `raw` complained of, where it was called.
local function check(ok, ...)
  if ok then return ... end
  error((...), 3)
end

local function raising(f)
  return function(...) return check(f(...)) end
end

-- The error of a whole run: a table with its place.
local function handler(err)
  local source, line
  for level = 2, 16 do
    local s, l = info(level, "sl")
    if not s then break end
    if s == "user_script" or s == "user_function" then
      source, line = s, l
      break
    end
  end
  local whole = {}
  if type(err) == "table" then
    whole.err = rawget(err, "err")
    whole.ignore_error_stats_update = rawget(err, "ignore_error_stats_update")
  else
    whole.err = "ERR " .. placed(translate(raw_tostring(err)), source, line)
  end
  whole.source, whole.line = if source then "@" .. source else nil, line
  return whole
end

local function run(f, ...)
  return raw_xpcall(f, handler, ...)
end

-- redis -------------------------------------------------------------------------------------------

local redis = {
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2, REPL_ALL = 3,
  breakpoint = function() return false end,
  debug = function() end,
  replicate_commands = function() return true end,
}
for _, name in { "REDIS_VERSION", "REDIS_VERSION_NUM", "SERVER_NAME", "SERVER_VERSION", "SERVER_VERSION_NUM" } do
  redis[name] = raw[name]
end
for _, name in { "acl_check_cmd", "log", "setresp", "set_repl", "sha1hex", "error_reply", "status_reply" } do
  redis[name] = raising(raw[name])
end

redis.call, redis.pcall = raw.call, raw.pcall

-- Libraries ---------------------------------------------------------------------------------------

local function library(functions)
  local made = {}
  for name, value in next, functions do
    made[name] = if type(value) == "function" then raising(value) else value
  end
  return made
end

local cjson = library(raw.cjson)
local new = raw.cjson.new
cjson.new = function() local _, made = new() return library(made) end

-- Of a standard library only what 5.1 has.
local function only(names, from)
  local kept = {}
  for name in string.gmatch(names, "%S+") do kept[name] = from[name] end
  return kept
end

local strings = only("byte char find format gmatch gsub len lower match rep reverse sub upper", string)
strings.gfind = function() error("'string.gfind' was renamed to 'string.gmatch'", 2) end
-- Bytes that nobody loads, as those of 5.1 are here.
strings.dump = function(f)
  if type(f) ~= "function" then error("bad argument #1 to 'dump' (function expected)", 2) end
  return "\27Lua"
end
local tables = only("concat foreach foreachi getn maxn insert remove sort", table)
tables.setn = function() error("'setn' is obsolete", 2) end
local maths = only("abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min modf pi pow rad sin sinh sqrt tan tanh", math)
maths.mod = math.fmod

local random = raw.random
local function whole(value, index)
  local n = tonumber(value)
  if not n then error(format("bad argument #%d to 'random' (number expected, got %s)", index, if value == nil then "no value" else type(value)), 3) end
  return if n < 0 then math.ceil(n) else floor(n)
end
maths.random = function(...)
  local _, r = random()
  local count = select("#", ...)
  if count == 0 then return r end
  local low, high = ...
  if count == 1 then
    high = whole(low, 1)
    if high < 1 then error("bad argument #1 to 'random' (interval is empty)", 2) end
    return floor(r * high) + 1
  elseif count == 2 then
    low, high = whole(low, 1), whole(high, 2)
    if low > high then error("bad argument #2 to 'random' (interval is empty)", 2) end
    return floor(r * (high - low + 1)) + low
  end
  error("wrong number of arguments", 2)
end
maths.randomseed = raising(raw.randomseed)

local kept = only("assert error gcinfo getmetatable ipairs next pairs rawequal rawget rawset select setmetatable tonumber type unpack", globals)
if deprecated_api then
  kept.getfenv, kept.setfenv, kept.newproxy = globals.getfenv, globals.setfenv, globals.newproxy
end
kept.pcall, kept.xpcall = globals.pcall, globals.xpcall
kept.coroutine = only("create resume running status wrap yield", coroutine)
kept.string, kept.table, kept.math = strings, tables, maths
kept.os = { clock = os.clock }
kept.redis, kept.server = redis, redis
kept.cjson, kept.cmsgpack, kept.struct, kept.bit = cjson, library(raw.cmsgpack), library(raw.struct), library(raw.bit)
kept._VERSION = "Lua 5.1"

local collect = collectgarbage
kept.collectgarbage = function(what, ...)
  what = what or "collect"
  if what == "count" then return collect("count") end
  if what == "collect" or what == "step" or what == "stop" or what == "restart" or what == "setpause" or what == "setstepmul" then return 0 end
  error(format("bad argument #1 to 'collectgarbage' (invalid option '%s')", raw_tostring(what)), 2)
end

kept.tostring = function(...)
  if select("#", ...) == 0 then error("bad argument #1 to 'tostring' (value expected)", 2) end
  local value = ...
  if type(value) == "number" and (value ~= floor(value) or value >= 1e15 or value <= -1e15) then
    return format("%.14g", value)
  end
  return raw_tostring(value)
end

local compile = raw.compile
kept.loadstring = function(source, name)
  if type(source) ~= "string" and type(source) ~= "number" then
    error(format("bad argument #1 to 'loadstring' (string expected, got %s)", if source == nil then "no value" else type(source)), 2)
  end
  local f, why = compile(source, name or source)
  if f then return f end
  return nil, why
end
kept.load = function(reader, name)
  if type(reader) ~= "function" then
    error(format("bad argument #1 to 'load' (function expected, got %s)", if reader == nil then "no value" else type(reader)), 2)
  end
  local parts = {}
  while true do
    local part = reader()
    if part == nil or part == "" then break end
    if type(part) ~= "string" then return nil, "reader function must return a string" end
    parts[#parts + 1] = part
  end
  local f, why = compile(concat(parts), name or "=(load)")
  if f then return f end
  return nil, why
end

-- Globals -----------------------------------------------------------------------------------------

local function missing(_, name)
  -- While a script is compiled these are not there, and no error.
  if not for_libraries and (name == "KEYS" or name == "ARGV") then return nil end
  error(format("Script attempted to access nonexistent global variable '%s'", raw_tostring(name)), 2)
end

table.clear(globals)
local meta_of_strings = getmetatable("")
meta_of_strings.__index = strings
freeze(meta_of_strings)
for _, value in next, kept do
  if type(value) == "table" and not isfrozen(value) then freeze(value) end
end
kept._G = globals
local guard = freeze({ __index = missing })
if not for_libraries then
  for name, value in next, kept do globals[name] = value end
  setmetatable(globals, guard)
  return run, handler
end

-- The globals of libraries are empty and lead elsewhere: the code of a library finds only what
-- registers functions, its functions find all. See `Scopes`.
local api = { register_function = raising(raw.register_function), log = redis.log }
for name, value in next, redis do
  if type(value) ~= "function" and not find(name, "^REPL_") then api[name] = value end
end
freeze(setmetatable(api, guard))
local loading = freeze(setmetatable({ redis = api, server = api, _G = globals }, guard))
freeze(setmetatable(kept, guard))
local meta = { __index = kept }
setmetatable(globals, meta)
return run, handler, meta, kept, loading
