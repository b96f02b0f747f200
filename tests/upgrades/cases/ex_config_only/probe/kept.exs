up = [[word: "new"], [come: 2], [:gone]]
down = [[word: "old"], [gone: 1], [:come]]
heard = Sample.Server.get()
heard in [[up], [down, up], [up, down, up]]
