{Sample.Door.push(), Sample.Door.push()} == {{:new, :open}, {:new, :shut}}
