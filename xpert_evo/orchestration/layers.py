def table_layers(space):
    return space
