-- How RabbitMQ's programs are started without a shell: what Erlang's and RabbitMQ's own scripts do.
local dirent = require "posix.dirent"
local starting = require "starting"

local rabbitmq = {}

local ERLANG = "/usr/lib/erlang"
local COMMANDS = "/usr/lib/rabbitmq/lib"

-- The one folder of `parent` whose name begins so; the version is in the rest of it.
local function versioned(parent, beginning)
  for name in dirent.files(parent) do
    if name:sub(1, #beginning) == beginning then
      return parent .. "/" .. name
    end
  end
  starting.refuse(("rabbitmq: nothing in %s is called %s…"):format(parent, beginning))
end

-- Becomes the Erlang machine.
function rabbitmq.erl(arguments)
  local binaries = versioned(ERLANG, "erts-") .. "/bin"
  starting.set("EMU", "beam")
  starting.set("ROOTDIR", ERLANG)
  starting.set("BINDIR", binaries)
  starting.set("PROGNAME", "erl")
  starting.become(binaries .. "/erlexec", { "-start_epmd", "false", table.unpack(arguments) })
end

-- What all of RabbitMQ's programs are told by their environment.
local function home()
  local found = versioned(COMMANDS, "rabbitmq_server-")
  starting.set("RABBITMQ_HOME", found)
  starting.set("ERL_LIBS", found .. "/plugins")
  starting.set("ERL_MAX_ETS_TABLES", starting.variable("ERL_MAX_ETS_TABLES") or "50000")
  starting.set("ERL_MAX_PORTS", starting.variable("ERL_MAX_PORTS") or "65536")
  return found
end

-- Becomes the server.
function rabbitmq.server(arguments)
  home()
  local words = {
    "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl", "+W", "w",
    "+MBas", "ageffcbf", "+MHas", "ageffcbf", "+MBlmbcs", "512", "+MHlmbcs", "512", "+MMmcs", "30",
    "+pc", "unicode", "+P", "1048576", "+t", "5000000", "+stbt", "db", "+zdbbl", "128000",
    "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "+B", "i",
    "-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false",
    "-kernel", "prevent_overlapping_partitions", "false",
  }
  -- These of Erlang ask a shell how the machine is, and end the node where there is none. RabbitMQ
  -- looks at memory and disk itself.
  for _, name in ipairs { "start_cpu_sup", "start_disksup", "start_memsup" } do
    table.move({ "-os_mon", name, "false" }, 1, 3, #words + 1, words)
  end
  -- Where nodes are known by their names; Erlang would ask a shell to start it.
  starting.run("epmd", { "-daemon" }, "")
  rabbitmq.erl(table.move(arguments, 1, #arguments, #words + 1, words))
end

-- Becomes a command for the running server; `reads`: it may ask its input for a password.
function rabbitmq.command(name, arguments, reads)
  local path = ("%s/escript/%s"):format(home(), name)
  local flags = "-boot start_clean -kernel inet_dist_listen_min 35672 inet_dist_listen_max 35682"
  starting.set("ERL_FLAGS", reads and flags or "-noinput " .. flags)
  starting.set("ESCRIPT_EMULATOR", ERLANG .. "/bin/erl")
  starting.become("escript", { path, table.unpack(arguments) })
end

return rabbitmq
