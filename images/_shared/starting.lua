-- What the starters of servers share: they make what is not there yet and then become the server.
-- Lua starts programs directly, with their arguments as a list. No shell is needed, and none is here.
local fcntl = require "posix.fcntl"
local signal = require "posix.signal"
local stdlib = require "posix.stdlib"
local unistd = require "posix.unistd"
local wait = require "posix.sys.wait"

local starting = {}

-- Says in one line why it does not start, and ends.
function starting.refuse(text)
  io.stderr:write(text, "\n")
  os.exit(1)
end

-- The value of a variable; nil also if it is empty.
function starting.variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- A folder that this user can write to, or the end.
function starting.writable(program, folder)
  if not unistd.access(folder, "w") then
    starting.refuse(("%s: %s cannot be written by user %d: mount a volume there that it owns")
      :format(program, folder, unistd.getuid()))
  end
end

function starting.read(path)
  local file = assert(io.open(path, "rb"))
  local text = assert(file:read("a"))
  file:close()
  return text
end

function starting.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

-- Becomes another program, which is looked up in PATH.
function starting.become(program, arguments)
  local _, reason = unistd.execp(program, arguments)
  starting.refuse(("cannot start %s: %s"):format(program, reason))
end

-- Runs a program to its end; it reads `input`, and what it prints is not shown if it is `quiet`.
-- Gives whether it ended with 0.
function starting.run(program, arguments, input, quiet)
  -- What it does not read is no reason to end without a word.
  signal.signal(signal.SIGPIPE, signal.SIG_IGN)
  local from, to = assert(unistd.pipe())
  local child = assert(unistd.fork())
  if child == 0 then
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    unistd.close(to)
    unistd.dup2(from, 0)
    if quiet then
      unistd.dup2(assert(fcntl.open("/dev/null", fcntl.O_WRONLY)), 1)
    end
    starting.become(program, arguments)
  end
  unistd.close(from)
  local position = 1
  while position <= #input do
    local written = unistd.write(to, input:sub(position, position + 65535))
    if not written then
      break
    end
    position = position + written
  end
  unistd.close(to)
  local _, how, code = wait.wait(child)
  signal.signal(signal.SIGPIPE, signal.SIG_DFL)
  return how == "exited" and code == 0
end

starting.set = stdlib.setenv

return starting
